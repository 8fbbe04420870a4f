/* What a task is given by reference: references, files of variables, calls, answers, reasons. */
#include "agent/engine/task_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/engine/env_file.h"
#include "agent/engine/registry_tokens.h"
#include "agent/engine/value_ref.h"
#include "base/mem.h"

#define SECRET "arn:aws:secretsmanager:us-west-2:123456789012:secret:app-AbCdEf"
#define FORMAT                                                                                     \
    "an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN " \
    "and try again."

static void expect(const char *why, const char *found, const char *expected)
{
    if (!str_eq(found, expected))
        fail_msg("%s: %s instead of %s", why, found ? found : "(none)",
                 expected ? expected : "(none)");
}

/* ---- references ---- */

static void secret_references(void **state)
{
    static const struct {
        const char *text, *wrong, *id, *key, *stage, *version;
    } rows[] = {
        {SECRET, NULL, SECRET, NULL, NULL, NULL}, /* TD-226, six forms */
        {SECRET ":username1::", NULL, SECRET, "username1", NULL, NULL},
        {SECRET "::AWSPREVIOUS:", NULL, SECRET, NULL, "AWSPREVIOUS", NULL},
        {SECRET ":::9d4cb84b", NULL, SECRET, NULL, NULL, "9d4cb84b"},
        {SECRET ":username1:AWSPREVIOUS:", NULL, SECRET, "username1", "AWSPREVIOUS", NULL},
        {SECRET ":username1::9d4cb84b", NULL, SECRET, "username1", NULL, "9d4cb84b"},
        {SECRET ":::", NULL, SECRET, NULL, NULL, NULL},
        {SECRET ":username1", FORMAT},
        {SECRET ":username1:", FORMAT},
        {SECRET ":::::", FORMAT},
        {"arn:aws:secretsmanager:us-west-2:123456789012:secret", FORMAT},
        {"arn:aws:secretsmanager", "arn: not enough sections"},
        {"app", "arn: invalid prefix"},
        {"", "arn: invalid prefix"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value_secret_ref ref = {0};
        struct arena arena = {0};

        expect(rows[i].text, value_ref_secret(&arena, rows[i].text, &ref), rows[i].wrong);
        if (!rows[i].wrong) {
            expect(rows[i].text, ref.id, rows[i].id);
            expect(rows[i].text, ref.key, rows[i].key);
            expect(rows[i].text, ref.stage, rows[i].stage);
            expect(rows[i].text, ref.version, rows[i].version);
        }
        arena_done(&arena);
    }
}

static void members_of_secrets(void **state)
{
    static const struct {
        const char *key, *text, *value, *wrong;
    } rows[] = {
        {NULL, "{\"a\":1}", "{\"a\":1}", NULL}, /* TD-224 */
        {NULL, "no JSON", "no JSON", NULL},
        {"a", "{\"a\":\"x y\"}", "x y", NULL},
        {"a", "{\"a\":\"\"}", "", NULL},
        {"a", "{\"a\":5432}", "5432", NULL},
        {"a", "{\"a\":123456789012}", "123456789012", NULL}, /* as written */
        {"a", "{\"a\":0.1}", "0.1", NULL},
        {"a", "{\"a\":true}", "true", NULL},
        {"a", "{\"a\":{\"b\":[1,2]}}", "{\"b\":[1,2]}", NULL},
        {"b", "{\"a\":\"hush\"}", NULL,
         "retrieved secret from Secrets Manager did not contain json key b"},
        {"b", "hush", NULL,
         "retrieved secret from Secrets Manager is no JSON object, of which json key b could be "
         "taken"},
        {"b", "[\"hush\"]", NULL,
         "retrieved secret from Secrets Manager is no JSON object, of which json key b could be "
         "taken"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct value_secret_ref ref = {.id = "x", .key = rows[i].key};
        struct arena arena = {0};
        const char *why = NULL;

        expect(rows[i].text, value_ref_cut(&arena, &ref, rows[i].text, &why), rows[i].value);
        expect(rows[i].text, why, rows[i].wrong);
        arena_done(&arena);
    }
}

static void object_references(void **state)
{
    static const struct {
        const char *text, *bucket, *key;
    } rows[] = {
        {"arn:aws:s3:::bucket/key.env", "bucket", "key.env"},
        {"arn:aws-cn:s3:::b/a/b c.env", "b", "a/b c.env"},
        {"arn:aws:s3:::bucket", NULL, NULL},
        {"arn:aws:s3:::bucket/", NULL, NULL},
        {"arn:aws:s3:::/key", NULL, NULL},
        {"arn:aws:s3:us-east-1::bucket/key", NULL, NULL},
        {"arn:aws:sqs:::bucket/key", NULL, NULL},
        {"s3://bucket/key", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *bucket = NULL, *key = NULL;
        struct arena arena = {0};

        assert_int_equal(value_ref_object(&arena, rows[i].text, &bucket, &key),
                         rows[i].bucket != NULL);
        expect(rows[i].text, bucket, rows[i].bucket);
        expect(rows[i].text, key, rows[i].key);
        arena_done(&arena);
    }
}

/* ---- files of variables ---- */

static void check_environment(const char *why, struct env_merge *merge, struct arena *arena,
                              const char *expected)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct acs_string_map map;

    env_merge_finish(merge, arena, &map);
    for (size_t i = 0; i < map.count; i++)
        buf_printf(&text, "[%s=%s]", map.items[i].key, map.items[i].value);
    expect(why, text.data ? text.data : "", expected);
}

static void files_of_variables(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"A=1\nB=2\n", "[A=1][B=2]"},
        {"A=1\r\nB=2", "[A=1][B=2]"},
        {"A= x \"y\" \n", "[A= x \"y\" ]"}, /* TD-242: spaces and quotes are the value's */
        {"A=b=c=\n", "[A=b=c=]"},
        {"A=\n", "[A=]"},
        {"#A=1\n #B=2\n", "[ #B=2]"}, /* only at the very beginning */
        {"=1\nnothing\n\n\nexport A=1\n", "[export A=1]"},
        {"A=1\nA=2\n", "[A=2]"},
        {"A=caf\xe9!\nB\xff=caf\xc3\xa9\n", "[A=caf\xef\xbf\xbd!][B\xef\xbf\xbd=caf\xc3\xa9]"},
        {"", ""},
        {"\n", ""},
    };
    struct arena arena = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(env_merge_done) struct env_merge merge = {0};

        assert_true(env_merge_add_file(&merge, &arena, 2, rows[i].text, strlen(rows[i].text)));
        check_environment(rows[i].text, &merge, &arena, rows[i].expected);
    }
    CLEANUP(env_merge_done) struct env_merge merge = {0};
    assert_true(env_merge_add_file(&merge, &arena, 2, "A=1\0B=2\nC=3", 11));
    check_environment("a NUL", &merge, &arena, "[C=3]");
    arena_done(&arena);
}

static void lines_have_a_limit(void **state)
{
    CLEANUP(env_merge_done) struct env_merge merge = {0};
    char *text = xcalloc(1, ENV_FILE_LINE_MAX + 1);
    struct arena arena = {0};

    (void)state;
    memset(text, 'x', ENV_FILE_LINE_MAX);
    memcpy(text, "A=", 2);
    assert_true(env_merge_add_file(&merge, &arena, 2, text, ENV_FILE_LINE_MAX - 1));
    assert_false(env_merge_add_file(&merge, &arena, 2, text, ENV_FILE_LINE_MAX));
    arena_done(&arena);
    free(text);
}

/* ---- calls and answers ---- */

struct world {
    struct arena arena;
    struct acs_task task;
    struct task_values *values;
};

#define TASK(containers)                                                                           \
    "{\"arn\":\"arn:t/1\",\"desiredStatus\":\"RUNNING\",\"family\":\"f\",\"version\":\"1\","       \
    "\"containers\":[" containers "]}"
#define NAMED(name, more) "{\"name\":\"" name "\",\"image\":\"i\"," more "}"
#define APP(more)         NAMED("app", more)
#define SECRETS(list)     "\"secrets\":[" list "]"
#define SSM(name, from)   SSM_IN(name, from, "us-east-1")
#define SSM_IN(name, from, region)                                                                 \
    "{\"name\":\"" name "\",\"valueFrom\":\"" from "\",\"region\":\"" region                       \
    "\",\"provider\":\"ssm\",\"type\":\"ENVIRONMENT_VARIABLE\",\"target\":\"CONTAINER\"}"
#define ASM(name, from)                                                                            \
    "{\"name\":\"" name "\",\"valueFrom\":\"" from                                                 \
    "\",\"region\":\"us-west-2\",\"provider\":\"asm\",\"type\":\"ENVIRONMENT_VARIABLE\","          \
    "\"target\":\"CONTAINER\"}"
#define LOG_SSM(name, from)                                                                        \
    "{\"name\":\"" name "\",\"valueFrom\":\"" from                                                 \
    "\",\"region\":\"us-east-1\",\"provider\":\"ssm\",\"type\":\"BOOTSTRAP\",\"target\":\"LOG_"    \
    "DRIVER\"}"
#define FILES(list)  "\"environmentFiles\":[" list "]"
#define FILE_AT(arn) "{\"value\":\"" arn "\",\"type\":\"s3\"}"
#define LOGIN_ASM(id)                                                                              \
    "\"registryAuthentication\":{\"type\":\"asm\",\"asmAuthData\":{\"credentialsParameter\":\"" id \
    "\",\"region\":\"us-east-1\"}}"
#define LOGIN_ECR                                                                                  \
    "\"registryAuthentication\":{\"type\":\"ecr\",\"ecrAuthData\":{\"registryId\":\"1234\","       \
    "\"region\":\"eu-west-1\",\"useExecutionRole\":true}}"

static void world_init(struct world *world, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    *world = (struct world){0};
    if (!json)
        fail_msg("%s", text);
    assert_null(acs_decode_task(&world->arena, json, &world->task));
    json_decref(json);
    world->values = task_values_new(&world->task, "us-east-1");
}

static void world_done(struct world *world)
{
    task_values_free(world->values);
    arena_done(&world->arena);
}

/* "2 us-east-1 {...}; 4 us-east-1 bucket/key; " */
static char *asked(const struct world *world)
{
    struct buf all = {0};

    for (size_t i = 0; world->values && i < world->values->count; i++) {
        const struct value_call *call = &world->values->calls[i];
        CLEANUP(buf_done) struct buf body = {0};

        task_values_ask(call, &body);
        buf_printf(&all, "%d %s %s%s%s%s; ", (int)call->kind, call->region,
                   body.data ? body.data : "", call->bucket ? call->bucket : "",
                   call->bucket ? "/" : "", call->bucket ? call->key : "");
    }
    return buf_take(&all);
}

static void calls_of_tasks(void **state)
{
    static const struct {
        const char *why, *task, *calls;
    } rows[] = {
        {"nothing", TASK(APP("\"cpu\":1")), ""},
        {"each parameter once, by region", /* AP-471 */
         TASK(APP(SECRETS(SSM("A", "/a") "," SSM("B", "/b") "," SSM("C", "/a") "," SSM_IN(
             "D", "/a", "eu-west-1"))) "," NAMED("b", SECRETS(LOG_SSM("x", "/b")))),
         "1 us-east-1 {\"Names\":[\"/a\",\"/b\"],\"WithDecryption\":true}; "
         "1 eu-west-1 {\"Names\":[\"/a\"],\"WithDecryption\":true}; "},
        {"eleven parameters are two calls",
         TASK(APP(SECRETS(SSM("A", "a") "," SSM("A", "b") "," SSM("A", "c") "," SSM("A", "d") "," SSM(
             "A",
             "e") "," SSM("A",
                          "f") "," SSM("A",
                                       "g") "," SSM("A",
                                                    "h") "," SSM("A",
                                                                 "i") "," SSM("A",
                                                                              "j") "," SSM("A",
                                                                                           "k")))),
         "1 us-east-1 {\"Names\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"],"
         "\"WithDecryption\":true}; 1 us-east-1 {\"Names\":[\"k\"],\"WithDecryption\":true}; "},
        {"two keys of a secret are one call, another stage is another",
         TASK(APP(SECRETS(ASM("A", SECRET ":a::") "," ASM("B", SECRET ":b::") "," ASM(
             "C", SECRET ":a:AWSPREVIOUS:") "," ASM("D", SECRET ":a::v-1")))),
         "2 us-west-2 {\"SecretId\":\"" SECRET "\"}; 2 us-west-2 {\"SecretId\":\"" SECRET
         "\",\"VersionStage\":\"AWSPREVIOUS\"}; 2 us-west-2 {\"SecretId\":\"" SECRET
         "\",\"VersionId\":\"v-1\"}; "},
        {"a file of two containers is one call",
         TASK(APP(FILES(FILE_AT("arn:aws:s3:::b/k"))) "," NAMED(
             "b", FILES(FILE_AT("arn:aws:s3:::b/k") "," FILE_AT("arn:aws:s3:::b/l")))),
         "3 us-east-1 b/k; 3 us-east-1 b/l; "},
        {"logins", TASK(APP(LOGIN_ASM("mine")) "," NAMED("b", LOGIN_ECR)),
         "0 us-east-1 {\"SecretId\":\"mine\"}; 5 eu-west-1 {\"registryIds\":[\"1234\"]}; "},
        {"the router's own",
         TASK(APP("\"firelensConfiguration\":{\"type\":\"fluentbit\",\"options\":{\"config-file-"
                  "type\":\"s3\",\"config-file-value\":\"arn:aws:s3:::b/r\"}}")),
         "4 us-east-1 b/r; "},
        {"what cannot be read is not asked for",
         TASK(APP(SECRETS(ASM("A", "mine")) "," FILES(FILE_AT("nowhere")))), ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;

        world_init(&world, rows[i].task);
        CLEANUP(str_freep) char *calls = asked(&world);
        expect(rows[i].why, calls, rows[i].calls);
        world_done(&world);
    }
}

/* All calls are answered alike. */
static void answer(struct world *world, const struct aws_fault *fault, const char *body)
{
    for (size_t i = 0; i < world->values->count; i++)
        task_values_take(world->values, &world->values->calls[i], fault, body,
                         body ? strlen(body) : 0);
    assert_int_equal(world->values->waiting, 0);
}

#define DENIED                                                                                     \
    {                                                                                              \
        "AccessDeniedException", .text =                                                           \
                                     "AccessDeniedException: no status code: 400, request id: "    \
                                     "1"                                                           \
    }

static void reasons(void **state)
{
    static const struct aws_fault denied = DENIED, silent = {"", .text = "RequestError: gone"},
                                  no_bucket = {"NoSuchBucket", .text = "NoSuchBucket: x"};
    static const struct {
        const char *why, *task, *body;
        const struct aws_fault *fault;
        const char *reason;
    } rows[] = {
        {"fine", TASK(APP(SECRETS(SSM("A", "/a")))),
         "{\"Parameters\":[{\"Name\":\"/a\",\"Value\":\"1\"}],\"InvalidParameters\":[]}", NULL,
         NULL},
        {"AP-473: a parameter that is not there", TASK(APP(SECRETS(SSM("A", "/a")))),
         "{\"Parameters\":[],\"InvalidParameters\":[\"/a\",\"/b\"]}", NULL,
         "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /a,/b"},
        {"a service that forgot one", TASK(APP(SECRETS(SSM("A", "/a")))), "{\"Parameters\":[]}",
         NULL,
         "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /a"},
        {"no JSON", TASK(APP(SECRETS(SSM("A", "/a")))), "<html>", NULL,
         "Fetching secret data from SSM Parameter Store in us-east-1: SerializationError: the "
         "answer cannot be read"},
        {"denied", TASK(APP(SECRETS(SSM("A", "/a")))), NULL, &denied,
         "Fetching secret data from SSM Parameter Store in us-east-1: AccessDeniedException: no "
         "status code: 400, request id: 1"},
        {"two secrets", TASK(APP(SECRETS(ASM("A", SECRET ":a::") "," ASM("B", SECRET ":::v")))),
         NULL, &silent,
         "Fetching secret data from AWS Secrets Manager in region us-west-2: secret " SECRET
         ": RequestError: gone"},
        {"a key that is not there", TASK(APP(SECRETS(ASM("A", SECRET ":a::")))),
         "{\"SecretString\":\"{\\\"b\\\":\\\"hush\\\"}\"}", NULL,
         "Fetching secret data from AWS Secrets Manager in region us-west-2: retrieved secret from "
         "Secrets Manager did not contain json key a"},
        {"a reference that is none", TASK(APP(SECRETS(ASM("A", SECRET ":a")))), NULL, NULL,
         "Trying to retrieve secret with value " SECRET ":a resulted in error: " FORMAT},
        {"two that are none", TASK(APP(SECRETS(ASM("A", "x") "," ASM("B", "y")))), NULL, NULL,
         "Trying to retrieve secret with value x resulted in error: arn: invalid prefix;trying to "
         "retrieve secret with value y resulted in error: arn: invalid prefix"},
        {"a file that is not there", TASK(APP(FILES(FILE_AT("arn:aws:s3:::b/k")))), NULL, &denied,
         "Unable to download env file with key k from bucket b, error: AccessDeniedException: no "
         "status code: 400, request id: 1"},
        {"no bucket", TASK(APP(FILES(FILE_AT("arn:aws:s3:::b/k") "," FILE_AT("arn:aws:s3:::b/l")))),
         NULL, &no_bucket, "Unable to initialize s3 client for bucket b, error: NoSuchBucket: x"},
        {"nobody there", TASK(APP(FILES(FILE_AT("arn:aws:s3:::b/k")))), NULL, &silent,
         "Unable to initialize s3 client for bucket b, error: RequestError: gone"},
        {"no object", TASK(APP(FILES(FILE_AT("s3://b/k")))), NULL, NULL,
         "Unable to parse bucket and key from s3 ARN specified in environmentFile s3://b/k, error: "
         "invalid s3 arn: s3://b/k"},
        {"TD-222: no login", TASK(APP(LOGIN_ASM("mine"))), NULL, &denied,
         "Asm fetching secret from the service for mine: AccessDeniedException: no status code: "
         "400, request id: 1"},
        {"a login that is empty", TASK(APP(LOGIN_ASM("mine"))), "{}", NULL,
         "Asm fetching authorization data: empty secrets value"},
        {"a login that is none", TASK(APP(LOGIN_ASM("mine"))), "{\"SecretString\":\"hush\"}", NULL,
         "Asm fetching authorization data: unable to unmarshal secret value, invalid schema"},
        {"without a user", TASK(APP(LOGIN_ASM("mine"))),
         "{\"SecretString\":\"{\\\"password\\\":\\\"hush\\\"}\"}", NULL,
         "Asm fetching username: AuthorizationData is malformed, empty field"},
        {"without a password", TASK(APP(LOGIN_ASM("mine"))),
         "{\"SecretString\":\"{\\\"username\\\":\\\"mary\\\",\\\"password\\\":\\\"\\\"}\"}", NULL,
         "Asm fetching password: AuthorizationData is malformed, empty field"},
        {"a token is the container's affair", TASK(APP(LOGIN_ECR)), NULL, &denied, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;

        world_init(&world, rows[i].task);
        answer(&world, rows[i].fault, rows[i].body);
        expect(rows[i].why, task_values_reason(world.values, &world.arena), rows[i].reason);
        world_done(&world);
    }
}

static void reasons_without_a_role(void **state)
{
    static const struct {
        const char *task, *reason;
    } rows[] = {
        {TASK(APP(SECRETS(SSM("A", "/a") "," ASM("B", SECRET)))),
         "Ssm secret resource: unable to find execution role credentials"},
        {TASK(APP(SECRETS(ASM("B", SECRET)))),
         "ASM secret resource: unable to find execution role credentials"},
        {TASK(APP(FILES(FILE_AT("arn:aws:s3:::b/k")))),
         "Environment file resource: unable to find execution role credentials"},
        {TASK(APP(LOGIN_ASM("mine"))), "Asm resource: unable to find execution role credentials"},
        {TASK(APP(LOGIN_ECR)), NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;

        world_init(&world, rows[i].task);
        task_values_refuse(world.values);
        assert_int_equal(world.values->waiting, 0);
        expect(rows[i].task, task_values_reason(world.values, &world.arena), rows[i].reason);
        world_done(&world);
    }
}

/* TD-227: a parameter answers by its name, whatever it was asked for by. */
static void parameters_are_found(void **state)
{
    static const struct {
        const char *wanted, *parameter;
        bool is_found;
    } rows[] = {
        {"/a/b", "{\"Name\":\"/a/b\",\"Value\":\"v\"}", true},
        {"arn:aws:ssm:us-east-1:1:parameter/a/b", "{\"Name\":\"/a/b\",\"Value\":\"v\"}", true},
        {"arn:aws:ssm:us-east-1:1:parameter/a", "{\"Name\":\"a\",\"Value\":\"v\"}", true},
        {"arn:aws:ssm:us-east-1:1:parameter/a",
         "{\"Name\":\"arn:aws:ssm:us-east-1:1:parameter/a\",\"Value\":\"v\"}", true},
        {"a:3", "{\"Name\":\"a\",\"Selector\":\":3\",\"Value\":\"v\"}", true},
        {"a", "{\"Name\":\"b\",\"ARN\":\"a\",\"Value\":\"v\"}", true},
        {"a", "{\"Name\":\"b\",\"Value\":\"v\"}", false},
        {"a", "{\"Name\":\"a\"}", false},
        {"a", "{\"Value\":\"v\"}", false},
        {"a", "3", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_freep) char *body = str_printf("{\"Parameters\":[%s]}", rows[i].parameter);
        const char *value = NULL, *wrong;
        struct arena arena = {0};

        wrong = aws_read_parameters(&arena, body, strlen(body), &rows[i].wanted, 1, &value);
        if ((wrong == NULL) != rows[i].is_found || (!wrong && strcmp(value, "v") != 0))
            fail_msg("%s in %s: %s", rows[i].wanted, body, wrong);
        arena_done(&arena);
    }
}

static void faults(void **state)
{
    static const struct {
        int status;
        const char *header, *value, *body, *text;
        bool is_passing;
    } rows[] = {
        {400, "x-amzn-requestid", "r-1",
         "{\"__type\":\"ResourceNotFoundException\",\"Message\":\"can't find it\"}",
         "ResourceNotFoundException: can't find it status code: 400, request id: r-1", false},
        {400, "x-amzn-errortype", "ThrottlingException:http://x", "{\"message\":\"slow\"}",
         "ThrottlingException: slow status code: 400, request id: ", true},
        {400, "a", "b", "{\"__type\":\"com.amazonaws.ssm#InternalServerError\"}",
         "InternalServerError:  status code: 400, request id: ", false},
        {404, "x-amz-request-id", "s-1",
         "<Error><Code>NoSuchKey</Code><Message>not there</Message></Error>",
         "NoSuchKey: not there status code: 404, request id: s-1", false},
        {404, "a", "b", "<Code>NoSuchKey</Code><Message><![CDATA[<not there>]]></Message>",
         "NoSuchKey: <not there> status code: 404, request id: ", false},
        {404, "a", "b", "<Code>NoSuchKey</Code><Message><![CDATA[not", /* cut off */
         "NoSuchKey:  status code: 404, request id: ", false},
        {503, "a", "b", "<html>", "UnknownError:  status code: 503, request id: ", true},
        {404, "a", "b", "nothing here",
         "NotFound: Not Found status code: 404, request id: ", false},
        {429, "a", "b", "", "UnknownError:  status code: 429, request id: ", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_header header = {rows[i].header, rows[i].value};
        const struct http_response response = {rows[i].status, rows[i].body, strlen(rows[i].body),
                                               &header, 1};
        struct arena arena = {0};
        struct aws_fault fault = aws_fault_of_answer(&arena, &response);

        expect(rows[i].body, fault.text, rows[i].text);
        assert_int_equal(fault.is_passing, rows[i].is_passing);
        arena_done(&arena);
    }
}

/* ---- what containers are given ---- */

static void precedence(void **state)
{
    struct world world;
    struct acs_string_map map;
    CLEANUP(buf_done) struct buf text = {0};
    const struct container_log_secret *logs;

    (void)state;
    world_init(&world,
               TASK(APP("\"environment\":{\"A\":\"definition\",\"B\":\"definition\"}"
                        "," SECRETS(SSM("A", "/a") "," LOG_SSM("token", "/b")) "," FILES(
                            FILE_AT("arn:aws:s3:::b/one") "," FILE_AT("arn:aws:s3:::b/two")))));
    for (size_t i = 0; i < world.values->count; i++) {
        struct value_call *call = &world.values->calls[i];
        const char *body = "{\"Parameters\":[{\"Name\":\"/a\",\"Value\":\"secret\"},{\"Name\":\"/"
                           "b\",\"Value\":\"of log\"}]}";

        if (call->kind == VALUE_FILE)
            body = strcmp(call->key, "one") == 0 ? "A=one\nB=one\nC=one\nC=one again\n"
                                                 : "C=two\nD=two\n";
        task_values_take(world.values, call, NULL, body, strlen(body));
    }
    assert_null(task_values_reason(world.values, &world.arena));
    assert_true(
        task_values_environment(world.values, &world.arena, &world.task.containers.items[0], &map));
    for (size_t i = 0; i < map.count; i++)
        buf_printf(&text, "[%s=%s]", map.items[i].key, map.items[i].value);
    /* TD-243: secret, definition, files from the first on */
    expect("environment", text.data, "[A=secret][B=definition][C=one again][D=two]");
    assert_int_equal(task_values_log_secrets(world.values, &world.arena, &logs), 1); /* TD-230 */
    expect("log", logs[0].container, "app");
    expect("log", logs[0].option, "token");
    expect("log", logs[0].value, "of log");
    expect("redacted", task_values_redact(world.values, &world.arena, "no secret, of log: secret"),
           "no ***, ***: ***");
    world_done(&world);
}

/* TD-233: the longest that is there, also while others have not come yet. */
static void redaction(void **state)
{
    static const char body[] = "{\"Parameters\":[{\"Name\":\"/a\",\"Value\":\"hush\"},{\"Name\":\"/"
                               "b\",\"Value\":\"hush-hush!\"},{\"Name\":\"/c\",\"Value\":\"no\"}]}";
    static const char told[] = "not hush-hush! but hush-hush of hushhush";
    struct world world;

    (void)state;
    world_init(&world,
               TASK(APP(SECRETS(SSM("A", "/a") "," SSM("B", "/b") "," SSM("C", "/c") "," ASM(
                   "D", "arn:aws:secretsmanager:us-west-2:1:secret:d")))));
    expect("none", task_values_redact(world.values, &world.arena, told), told);
    for (size_t i = 0; i < world.values->count; i++)
        if (world.values->calls[i].kind == VALUE_PARAMETERS)
            task_values_take(world.values, &world.values->calls[i], NULL, body, strlen(body));
    expect("some", task_values_redact(world.values, &world.arena, told),
           "not *** but ***-*** of ******");
    expect("cut off", task_values_redact(world.values, &world.arena, "it is hush-hu"), "it is ***");
    expect("too short to tell", task_values_redact(world.values, &world.arena, "hus"), "hus");
    expect("nothing", task_values_redact(world.values, &world.arena, ""), "");
    world_done(&world);
}

static void logins(void **state)
{
    static const struct aws_fault denied = DENIED;
    static const struct {
        const char *task, *image, *body;
        const struct aws_fault *fault;
        const char *header, *reason;
    } rows[] = {
        {TASK(APP(LOGIN_ASM("mine"))), "host/name",
         "{\"SecretString\":\"{\\\"Username\\\":\\\"mary\\\",\\\"password\\\":\\\"hush\\\"}\"}",
         NULL,
         "eyJ1c2VybmFtZSI6Im1hcnkiLCJwYXNzd29yZCI6Imh1c2giLCJlbWFpbCI6IiIsInNlcnZlcmFkZHJlc3MiOiIi"
         "fQ==",
         NULL},
        {TASK(APP(LOGIN_ECR)), "1234.dkr/name",
         "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOmh1c2g=\",\"proxyEndpoint\":"
         "\"https://1234.dkr\"}]}",
         NULL,
         "eyJ1c2VybmFtZSI6IkFXUyIsInBhc3N3b3JkIjoiaHVzaCIsImVtYWlsIjoiIiwic2VydmVyYWRkcmVzcyI6Imh0"
         "dHBzOi8vMTIzNC5ka3IifQ==",
         NULL},
        {TASK(APP(LOGIN_ECR)), "other/name",
         "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOmh1c2g=\",\"proxyEndpoint\":"
         "\"https://1234.dkr\"}]}",
         NULL, NULL,
         "CannotPullECRContainerError: ecr auth: AuthorizationData is malformed for other/name"},
        {TASK(APP(LOGIN_ECR)), "1234.dkr.evil/name",
         "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOmh1c2g=\",\"proxyEndpoint\":"
         "\"https://1234.dkr\"}]}",
         NULL, NULL,
         "CannotPullECRContainerError: ecr auth: AuthorizationData is malformed for "
         "1234.dkr.evil/name"},
        {TASK(APP(LOGIN_ECR)), "x", "{\"authorizationData\":[]}", NULL, NULL,
         "CannotPullECRContainerError: unexpected number of results in AuthorizationData (0)"},
        {TASK(APP(LOGIN_ECR)), "x",
         "{\"authorizationData\":[{\"authorizationToken\":\"hush\",\"proxyEndpoint\":\"\"}]}", NULL,
         NULL, "CannotPullECRContainerError: ecr auth: AuthorizationData is malformed"},
        {TASK(APP(LOGIN_ECR)), "x", NULL, &denied, NULL,
         "CannotPullECRContainerError: AccessDeniedException: no status code: 400, request id: 1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct value_call *login;
        const char *reason = NULL;
        struct world world;

        world_init(&world, rows[i].task);
        answer(&world, rows[i].fault, rows[i].body);
        login = task_values_login(world.values, &world.task.containers.items[0]);
        assert_non_null(login);
        expect(rows[i].image, task_values_auth(login, &world.arena, rows[i].image, &reason),
               rows[i].header);
        expect(rows[i].image, reason, rows[i].reason);
        world_done(&world);
    }
}

#define HOUR_MS (3600 * 1000LL)

/* AP-464: 100 of them, each until shortly before it expires. */
static void tokens_are_kept(void **state)
{
    struct rng rng = rng_seeded(1);
    struct registry_tokens tokens;
    const struct aws_registry_token *found;
    struct aws_registry_token token = {"hush", "https://x", 12 * HOUR_MS};

    (void)state;
    registry_tokens_init(&tokens);
    registry_tokens_put(&tokens, "one", &token, &rng);
    found = registry_tokens_find(&tokens, "one", 11 * HOUR_MS - 1);
    assert_non_null(found);
    assert_string_equal(found->token, "hush");
    assert_null(registry_tokens_find(&tokens, "two", 0));
    assert_null(registry_tokens_find(&tokens, "one", 12 * HOUR_MS - HOUR_MS / 2));
    assert_int_equal(tokens.count, 0);
    for (int i = 0; i <= REGISTRY_TOKENS_MAX; i++) {
        CLEANUP(str_freep) char *key = str_printf("%d", i);

        registry_tokens_put(&tokens, key, &token, &rng);
        assert_non_null(registry_tokens_find(&tokens, "0", 0)); /* used all the time */
    }
    assert_int_equal(tokens.count, REGISTRY_TOKENS_MAX);
    assert_null(registry_tokens_find(&tokens, "1", 0));
    token.expires_ms = 0;
    registry_tokens_put(&tokens, "2", &token, &rng);
    assert_null(registry_tokens_find(&tokens, "2", 0));
    registry_tokens_done(&tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_references),
        cmocka_unit_test(members_of_secrets),
        cmocka_unit_test(object_references),
        cmocka_unit_test(files_of_variables),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(calls_of_tasks),
        cmocka_unit_test(reasons),
        cmocka_unit_test(reasons_without_a_role),
        cmocka_unit_test(parameters_are_found),
        cmocka_unit_test(faults),
        cmocka_unit_test(precedence),
        cmocka_unit_test(redaction),
        cmocka_unit_test(logins),
        cmocka_unit_test(tokens_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
