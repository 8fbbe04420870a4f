/* sigv4_botocore.h - made by make_sigv4_botocore.py: requests signed by botocore at
 * 2026-11-20T07:19:09Z. */
/* clang-format off */
static const struct recorded signed_by_botocore[] = {
    {"ecs", false, "/", "POST",
     "Host: 127.0.0.1:4566\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: T.ListClusters\r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/ecs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=13ffa0b07413f1a9fb3f2b8d78c14a26ed90a96b477629bb16614ed6637235fc\r\nContent-Length: 2\r\n"
     "\r\n{}"},
    {"with a token", false, "/", "POST",
     "Host: 127.0.0.1:4566\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: T.ListClusters\r\nX-Amz-Date: 20261120T071909Z\r\nX-Amz-Security-Token: session/token+with=signs\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/ecs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=af9abb271c8371dda440a4e92d1f08351be89e0b242509553ae2f471e439fef8\r\nContent-Length: 7\r\n"
     "\r\n{\"a\":1}"},
    {"port 80", false, "/", "POST",
     "Host: localhost\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: T.ListClusters\r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/ecs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=2e5ee6504959a4523af1a877eb17c919f60e8733c858e5fc936e864f3143af16\r\nContent-Length: 2\r\n"
     "\r\n{}"},
    {"https with port 443", false, "/", "POST",
     "Host: localhost\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: T.ListClusters\r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/ecs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=2e5ee6504959a4523af1a877eb17c919f60e8733c858e5fc936e864f3143af16\r\nContent-Length: 2\r\n"
     "\r\n{}"},
    {"spaces in a header", false, "/", "POST",
     "Host: h\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: T.ListClusters\r\nX-A:  a   b \r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/ecs/aws4_request, SignedHeaders=content-type;host;x-a;x-amz-date;x-amz-target, Signature=6608cb00ce953b6f8693f184697ad7b8025d46e5e64d7e541289b289d672a376\r\nContent-Length: 2\r\n"
     "\r\n{}"},
    {"query protocol", false, "/", "POST",
     "Host: h:1\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=4075328c739e67ba6f00593a244cbcb69bfe1d29a7c062a1ce9153d464e9c0db\r\nContent-Length: 26\r\n"
     "\r\nAction=ListRoles&Version=1"},
    {"ARN in the path", false, "/v1/tags/arn%3Aaws%3Aecs%3Aus-east-1%3A1%3Acluster%2Fdefault", "GET",
     "Host: h:1\r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/servicediscovery/aws4_request, SignedHeaders=host;x-amz-date, Signature=ece437c6ebb2111e1e230016fae719c4a87d3d0414a6a09115a0998d6871fa5e\r\n"
     "\r\n"},
    {"dots and slashes", false, "/a/./b//c/../d/", "GET",
     "Host: h\r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/x/aws4_request, SignedHeaders=host;x-amz-date, Signature=84874e3268202f9f0ab39485e75b400d85f6b82a5fb02cacea05f63524752c71\r\n"
     "\r\n"},
    {"query", false, "/?b=2&a=1&a-=3&A=4&c=%2F%20%3D", "GET",
     "Host: h\r\nX-Amz-Date: 20261120T071909Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/x/aws4_request, SignedHeaders=host;x-amz-date, Signature=e04a230a50ce25a403b68d2d10db565f0e491e5206fd23b885fcb3ee62ec04c2\r\n"
     "\r\n"},
    {"presigned", false, "/a%20b?x=y&Action=Z&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Feu-central-1%2Fecs%2Faws4_request&X-Amz-Date=20261120T071909Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=0593cd26ce3dfe4114dc4bb395d1d098e1369e66f96f189946172f4cccc5d71f", "GET",
     "Host: h:1\r\n"
     "\r\n"},
    {"presigned with a token", false, "/?Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Feu-central-1%2Fsts%2Faws4_request&X-Amz-Date=20261120T071909Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=session%2Ftoken%2Bwith%3Dsigns&X-Amz-Signature=c4c8cab58f458270e0f472dc7433235e95f53a5b36fab34f36f1877eed1d6cbc", "GET",
     "Host: h:1\r\n"
     "\r\n"},
    {"S3", false, "/bucket/a%2Fb//c/../d", "PUT",
     "Host: h:1\r\nX-Amz-Date: 20261120T071909Z\r\nX-Amz-Content-SHA256: ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=0792a71804cd1f753910eaead0a5b1cf01b6995da9d12c17a554ec3053ab7b15\r\nContent-Length: 7\r\n"
     "\r\ncontent"},
    {"S3 presigned", false, "/bucket/key%2B?versionId=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20261120T071909Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=5e98b8c0133c6458f4b6cca5d755b72eb8dd6a8fd3011a550b6980161a3e5a60", "GET",
     "Host: h:1\r\n"
     "\r\n"},
};
