/* sigv4_vectors.h - requests and frames recorded from the official agent (versions 1.75.3
 * and 1.105.1) with throw-away keys, byte for byte. */
#ifndef BERTH_TEST_SIGV4_VECTORS_H
#define BERTH_TEST_SIGV4_VECTORS_H

struct recorded {
    const char *why;
    bool is_frame;      /* a TCS frame on the connection of the request before it */
    const char *target; /* of the request line */
    const char *method;
    const char *text; /* header lines, empty line, body */
};

static const struct recorded recorded[] = {
    {"DiscoverPollEndpoint, agent 1.105.1, POST /", false, "/", "POST",
     "Host: 127.0.0.1:18080\r\n"
     "User-Agent: Amazon ECS Agent - v1.105.1 (*a8b3e7d3) (linux; LINUX) "
     "(+http://aws.amazon.com/ecs/)\r\n"
     "Content-Length: 150\r\n"
     "Amz-Sdk-Invocation-Id: db9b4f43-000d-43b7-9572-1e3c2ceb6377\r\n"
     "Amz-Sdk-Request: attempt=1; max=3\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-"
     "date;x-amz-target, "
     "Signature=f62fbf938311178c803add4200699a4091132481b821937e997fec39cf0dd8d3\r\n"
     "Content-Type: application/x-amz-json-1.1\r\n"
     "X-Amz-Date: 20261120T071909Z\r\n"
     "X-Amz-Target: AmazonEC2ContainerServiceV20141113.DiscoverPollEndpoint\r\n"
     "Accept-Encoding: gzip\r\n"
     "\r\n"
     "{\"cluster\":\"default\",\"containerInstance\":\"arn:aws:ecs:us-east-1:123456789012:"
     "container-instance/default/0123456789abcdef0123456789abcdef\",\"zoneId\":\"\"}"},
    {"TCS upgrade, agent 1.105.1", false,
     "/tcs/"
     "ws?agentHash=a8b3e7d3&agentVersion=1.105.1&cluster=default&containerInstance=arn%3Aaws%3Aecs%"
     "3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%2F0123456789abcdef0123456789abcdef&"
     "dockerVersion=20.10.24%2Bdfsg1",
     "GET",
     "Host: 127.0.0.1:18080\r\n"
     "User-Agent: Go-http-client/1.1\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=7ccd96b956c1a8006158a0676036bbba7c658e6c8dc514a2bc17c791351eadb8\r\n"
     "Connection: Upgrade\r\n"
     "Sec-WebSocket-Key: ly00sMM2zwYAMq6tPU9DQA==\r\n"
     "Sec-WebSocket-Version: 13\r\n"
     "Upgrade: websocket\r\n"
     "X-Amz-Date: 20261120T071909Z\r\n"
     "\r\n"
     ""},
    {"ACS upgrade, agent 1.105.1", false,
     "/acs/"
     "ws?agentHash=a8b3e7d3&agentVersion=1.105.1&clusterArn=default&containerInstanceArn=arn%3Aaws%"
     "3Aecs%3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%"
     "2F0123456789abcdef0123456789abcdef&dockerVersion=DockerVersion%3A+20.10.24%2Bdfsg1&"
     "protocolVersion=2&sendCredentials=true&seqNum=1",
     "GET",
     "Host: 127.0.0.1:18080\r\n"
     "User-Agent: Go-http-client/1.1\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=a2420dfe866e7f406c8d94e955ac8ed3011cdf66b4eab3b8d7277fae269422fd\r\n"
     "Connection: Upgrade\r\n"
     "Sec-WebSocket-Key: IkZ3RolKZa3R+yka7o8I8g==\r\n"
     "Sec-WebSocket-Version: 13\r\n"
     "Upgrade: websocket\r\n"
     "X-Amz-Date: 20261120T071909Z\r\n"
     "\r\n"
     ""},
    {"TCS frame PublishMetricsRequest, agent 1.105.1", true,
     "/tcs/"
     "ws?agentHash=a8b3e7d3&agentVersion=1.105.1&cluster=default&containerInstance=arn%3Aaws%3Aecs%"
     "3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%2F0123456789abcdef0123456789abcdef&"
     "dockerVersion=20.10.24%2Bdfsg1",
     "GET",
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=e6d3bd6601e58f646448dcf675da6fdca959c47ed1e9102af6717133107cdd9d\r\n"
     "Host: 127.0.0.1:18080\r\n"
     "X-Amz-Date: 20261120T071909Z\r\n"
     "\r\n"
     "{\"type\":\"PublishMetricsRequest\",\"message\":{\"metadata\":{\"cluster\":\"default\","
     "\"containerInstance\":\"arn:aws:ecs:us-east-1:123456789012:container-instance/default/"
     "0123456789abcdef0123456789abcdef\",\"fin\":true,\"idle\":true,\"messageId\":\"a4a0306b-39a0-"
     "47f7-879b-9bd20457b3f2\"},\"timestamp\":1795159149.994}}"},
    {"TCS frame PublishHealthRequest, agent 1.105.1", true,
     "/tcs/"
     "ws?agentHash=a8b3e7d3&agentVersion=1.105.1&cluster=default&containerInstance=arn%3Aaws%3Aecs%"
     "3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%2F0123456789abcdef0123456789abcdef&"
     "dockerVersion=20.10.24%2Bdfsg1",
     "GET",
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=260b7db40c30b9f2f85b1a68cfe122294e563c5f6f76fca88f4a8777339aeadb\r\n"
     "Host: 127.0.0.1:18080\r\n"
     "X-Amz-Date: 20261120T071929Z\r\n"
     "\r\n"
     "{\"type\":\"PublishHealthRequest\",\"message\":{\"metadata\":{\"cluster\":\"default\","
     "\"containerInstance\":\"arn:aws:ecs:us-east-1:123456789012:container-instance/default/"
     "0123456789abcdef0123456789abcdef\",\"fin\":true,\"messageId\":\"dd7fb055-e949-4c12-a52a-"
     "5216498b5557\"},\"tasks\":[{\"containers\":[{\"containerName\":\"db\",\"healthStatus\":"
     "\"HEALTHY\",\"statusSince\":1795159151.571}],\"taskArn\":\"arn:aws:ecs:us-east-1:"
     "123456789012:task/default/"
     "aaaaaaaabbbbccccddddeeeeeeeeeeee\",\"taskDefinitionFamily\":\"fam\","
     "\"taskDefinitionVersion\":\"3\"}],\"timestamp\":1795159169.985}}"},
    {"TCS frame PublishInstanceStatusRequest, agent 1.105.1", true,
     "/tcs/"
     "ws?agentHash=a8b3e7d3&agentVersion=1.105.1&cluster=default&containerInstance=arn%3Aaws%3Aecs%"
     "3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%2F0123456789abcdef0123456789abcdef&"
     "dockerVersion=20.10.24%2Bdfsg1",
     "GET",
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=b0b58d8853a53a732a4f98f8610dbf3a0c87fc6140bef2237ec6069b6242b675\r\n"
     "Host: 127.0.0.1:18080\r\n"
     "X-Amz-Date: 20261120T071929Z\r\n"
     "\r\n"
     "{\"type\":\"PublishInstanceStatusRequest\",\"message\":{\"metadata\":{\"cluster\":"
     "\"default\",\"containerInstance\":\"arn:aws:ecs:us-east-1:123456789012:container-instance/"
     "default/"
     "0123456789abcdef0123456789abcdef\",\"requestId\":\"20d13ecc-3aa5-452f-8d7d-7f36cb66a7d9\"},"
     "\"statuses\":[{\"lastStatusChange\":1795159149.996,\"lastUpdated\":1795159149.983,\"status\":"
     "\"OK\",\"type\":\"ContainerRuntime\"}],\"timestamp\":1795159169.995}}"},
    {"SubmitTaskStateChange, agent 1.105.1, POST /", false, "/", "POST",
     "Host: 127.0.0.1:18080\r\n"
     "User-Agent: Amazon ECS Agent - v1.105.1 (*a8b3e7d3) (linux; LINUX) "
     "(+http://aws.amazon.com/ecs/)\r\n"
     "Content-Length: 292\r\n"
     "Amz-Sdk-Invocation-Id: 682a177e-8945-40f8-bd13-0efe8c0c89ba\r\n"
     "Amz-Sdk-Request: attempt=1; max=298\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-"
     "date;x-amz-target, "
     "Signature=a55d14d396a2b8616626d0385b6e80ccaab0bf9c314b2f279c8a982cc0542b96\r\n"
     "Content-Type: application/x-amz-json-1.1\r\n"
     "X-Amz-Date: 20261120T071935Z\r\n"
     "X-Amz-Target: AmazonEC2ContainerServiceV20141113.SubmitTaskStateChange\r\n"
     "Accept-Encoding: gzip\r\n"
     "\r\n"
     "{\"cluster\":\"default\",\"containers\":[{\"containerName\":\"app\",\"exitCode\":7,"
     "\"runtimeId\":\"1518c6055bd50c2f871ac3d857898cacf277c77ffc3edaad2fdd41739262f3ae\","
     "\"status\":\"STOPPED\"}],\"reason\":\"\",\"status\":\"RUNNING\",\"task\":\"arn:aws:ecs:us-"
     "east-1:123456789012:task/default/aaaaaaaabbbbccccddddeeeeeeeeeeee\"}"},
    {"DiscoverPollEndpoint, agent 1.75.3, POST /", false, "/", "POST",
     "Host: 127.0.0.1:18080\r\n"
     "User-Agent: Amazon ECS Agent - v1.75.3 (*5e9ed72b) (linux) (+http://aws.amazon.com/ecs/)\r\n"
     "Content-Length: 138\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-target, "
     "Signature=181043b2be179eb8a1d67bdc7a6e9fbbae60260abef545da5581540fc6ec77e5\r\n"
     "Content-Type: application/x-amz-json-1.1\r\n"
     "X-Amz-Date: 20261120T072412Z\r\n"
     "X-Amz-Target: AmazonEC2ContainerServiceV20141113.DiscoverPollEndpoint\r\n"
     "Accept-Encoding: gzip\r\n"
     "\r\n"
     "{\"cluster\":\"default\",\"containerInstance\":\"arn:aws:ecs:us-east-1:123456789012:"
     "container-instance/default/0123456789abcdef0123456789abcdef\"}"},
    {"TCS upgrade, agent 1.75.3", false,
     "/tcs/"
     "ws?agentHash=5e9ed72b&agentVersion=1.75.3&cluster=default&containerInstance=arn%3Aaws%3Aecs%"
     "3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%2F0123456789abcdef0123456789abcdef&"
     "dockerVersion=20.10.24%2Bdfsg1",
     "GET",
     "Host: 127.0.0.1:18080\r\n"
     "User-Agent: Go-http-client/1.1\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=9081ca8e1f4ecffcaf355dcb30f4a9dcd15bf4d9e57e5052c8e226e34b889886\r\n"
     "Connection: Upgrade\r\n"
     "Sec-WebSocket-Key: 5i7E2l3zAh79GeHJNjXvWQ==\r\n"
     "Sec-WebSocket-Version: 13\r\n"
     "Upgrade: websocket\r\n"
     "X-Amz-Date: 20261120T072412Z\r\n"
     "\r\n"
     ""},
    {"ACS upgrade, agent 1.75.3", false,
     "/acs/"
     "ws?agentHash=5e9ed72b&agentVersion=1.75.3&clusterArn=default&containerInstanceArn=arn%3Aaws%"
     "3Aecs%3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%"
     "2F0123456789abcdef0123456789abcdef&dockerVersion=DockerVersion%3A+20.10.24%2Bdfsg1&"
     "protocolVersion=2&sendCredentials=true&seqNum=1",
     "GET",
     "Host: 127.0.0.1:18080\r\n"
     "User-Agent: Go-http-client/1.1\r\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
     "SignedHeaders=host;x-amz-date, "
     "Signature=fd0d5de19290eaf41441bf423ffa08681d0449a153b440643546e193f653564b\r\n"
     "Connection: Upgrade\r\n"
     "Sec-WebSocket-Key: iehqUwphShraLB8Ns40Brw==\r\n"
     "Sec-WebSocket-Version: 13\r\n"
     "Upgrade: websocket\r\n"
     "X-Amz-Date: 20261120T072412Z\r\n"
     "\r\n"
     ""},
};

#endif
