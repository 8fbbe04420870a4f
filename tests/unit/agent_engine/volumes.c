/* The volumes of a task (src/agent/engine/volume.h, volume_efs.h): AP-313, AP-314, AP-478, TD-145 to
 * TD-163, TUT-382. What EFS is given is what the official agent gives Docker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/engine/volume.h"

static struct arena arena;

static int drop_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static const struct acs_task *task_with(const char *volumes, const char *mount)
{
    CLEANUP(str_freep)
    char *text = str_printf("{\"arn\":\"t\",\"desiredStatus\":\"RUNNING\",\"volumes\":[%s],"
                            "\"containers\":[{\"name\":\"a\",\"mountPoints\":[{\"sourceVolume\":"
                            "\"%s\",\"containerPath\":\"/v\"}]}]}",
                            volumes, mount);
    struct acs_task *task = ARENA_NEW(&arena, struct acs_task);
    json_t *json = json_loads(text, 0, NULL);

    if (!json)
        fail_msg("no JSON: %s", text);
    assert_null(acs_decode_task(&arena, json, task));
    json_decref(json);
    return task;
}

static const struct acs_volume *volume_of(const char *text)
{
    return &task_with(text, "none")->volumes.items[0];
}

static void kinds_and_names(void **state)
{
    static const struct {
        const char *why, *volume;
        enum volume_kind kind;
        const char *name; /* what it begins with; NULL: Docker does not know it */
        bool is_of_task;
    } rows[] = {
        {"TD-149: a path of the host", "{\"name\":\"v\",\"host\":{\"sourcePath\":\"/srv\"}}",
         VOLUME_BIND, NULL, false},
        {"TD-148: no path", "{\"name\":\"v\",\"host\":{}}", VOLUME_SCRATCH, "ecs-f-1-v-", true},
        {"TD-146: nothing at all", "{\"name\":\"v\"}", VOLUME_SCRATCH, "ecs-f-1-v-", true},
        {"TD-145: underscores stay", "{\"name\":\"my_v\"}", VOLUME_SCRATCH, "ecs-f-1-my_v-", true},
        {"TD-153: of the task if nothing is said",
         "{\"name\":\"v\",\"type\":\"docker\",\"dockerVolumeConfiguration\":{}}", VOLUME_TASK,
         "ecs-f-1-v-", true},
        {"TD-153: of the task",
         "{\"name\":\"v\",\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"scope\":\"task\"}}",
         VOLUME_TASK, "ecs-f-1-v-", true},
        {"TD-154: shared, by its own name",
         "{\"name\":\"v\",\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"scope\":"
         "\"shared\"}}",
         VOLUME_SHARED, "v", false},
        {"TD-159: a file system",
         "{\"name\":\"v\",\"type\":\"efs\",\"efsVolumeConfiguration\":{\"fileSystemId\":\"fs-1\"}}",
         VOLUME_EFS, "ecs-f-1-v-", true},
        {"one without its id", "{\"name\":\"v\",\"type\":\"efs\"}", VOLUME_UNSUPPORTED, NULL,
         false},
        {"Windows'", "{\"name\":\"v\",\"type\":\"fsxWindowsFileServer\"}", VOLUME_UNSUPPORTED, NULL,
         false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct acs_volume *volume = volume_of(rows[i].volume);
        struct rng rng = rng_seeded(1);
        CLEANUP(str_freep) char *name = volume_docker_name("f", "1", volume, &rng);
        size_t len = rows[i].name ? strlen(rows[i].name) : 0;

        if (volume_kind(volume) != rows[i].kind ||
            volume_is_of_task(rows[i].kind) != rows[i].is_of_task)
            fail_msg("%s: kind %d", rows[i].why, volume_kind(volume));
        if (!name != !rows[i].name || (name && !str_starts_with(name, rows[i].name)) ||
            (name && strlen(name) != len + (rows[i].is_of_task ? 20 : 0)))
            fail_msg("%s: %s", rows[i].why, name ? name : "no name");
    }
}

static void only_what_is_mounted_is_needed(void **state)
{
    const struct acs_task *task = task_with("{\"name\":\"a\"},{\"name\":\"b\"}", "b");

    (void)state;
    assert_false(volume_is_mounted(task, "a"));
    assert_true(volume_is_mounted(task, "b"));
}

#define NFS    "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport"
#define EFS(m) "{\"name\":\"v\",\"type\":\"efs\",\"efsVolumeConfiguration\":{" m "}}"
#define LOCAL(options)                                                                             \
    "{\"Name\":\"n\",\"Driver\":\"local\",\"DriverOpts\":{" options "},\"Labels\":{}}"
#define MOUNT(address, path, more)                                                                 \
    LOCAL("\"type\":\"nfs\",\"device\":\":" path "\",\"o\":\"addr=" address "," NFS more "\"")
#define PLUGIN(device, options)                                                                    \
    "{\"Name\":\"n\",\"Driver\":\"amazon-ecs-volume-plugin\",\"DriverOpts\":{\"type\":\"efs\","    \
    "\"device\":\"" device "\",\"o\":\"" options "\"},\"Labels\":{}}"

static const struct config_pair places[] = {
    {"fs-lan", "nfs.lan"},       {"fs-dir", "nfs.lan:/exports/a/"}, {"fs-six", "fd00::1:/x"},
    {"fs-tun", "tls:127.0.0.1"}, {"fs-tud", "tls:127.0.0.1:/d"},    {"fsap-1", "/teams/web"},
};

static const struct {
    const char *why, *volume;
    bool has_plugin;
    const char *region;
    const char *body;    /* NULL: refused */
    const char *refusal; /* NULL: made */
} bodies[] = {
    {"AP-314: a scratch volume is a local one", "{\"name\":\"v\"}", false, "eu-west-1", LOCAL(""),
     NULL},
    {"TD-152: driver, options and labels",
     "{\"name\":\"v\",\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"driver\":\"rexray/ebs\","
     "\"driverOpts\":{\"size\":\"5\"},\"labels\":{\"l\":\"1\"}}}",
     false, "eu-west-1",
     "{\"Name\":\"n\",\"Driver\":\"rexray/ebs\",\"DriverOpts\":{\"size\":\"5\"},\"Labels\":{\"l\":"
     "\"1\"}}",
     NULL},
    {"TD-153: a volume of the task is always made",
     "{\"name\":\"v\",\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"autoprovision\":true}}",
     false, "eu-west-1", NULL, "volume [v] : task scoped volume could not be autoprovisioned"},
    {"TD-152: what is not said is not told",
     "{\"name\":\"v\",\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"labels\":{\"l\":\"1\"}}"
     "}",
     false, "eu-west-1", "{\"Name\":\"n\",\"Driver\":\"local\",\"Labels\":{\"l\":\"1\"}}", NULL},
    {"AP-478: where AWS has it", EFS("\"fileSystemId\":\"fs-1\",\"rootDirectory\":\"/\""), false,
     "eu-west-1", MOUNT("fs-1.efs.eu-west-1.amazonaws.com", "/", ""), NULL},
    {"AP-478: a directory of it", EFS("\"fileSystemId\":\"fs-1\",\"rootDirectory\":\"/a/b\""),
     false, "cn-north-1", MOUNT("fs-1.efs.cn-north-1.amazonaws.com.cn", "/a/b", ""), NULL},
    {"TD-159: no directory is the root", EFS("\"fileSystemId\":\"fs-1\""), false, "eu-west-1",
     MOUNT("fs-1.efs.eu-west-1.amazonaws.com", "/", ""), NULL},
    {"TD-161: the operator's server", EFS("\"fileSystemId\":\"fs-lan\",\"rootDirectory\":\"/a\""),
     false, "eu-west-1", MOUNT("nfs.lan", "/a", ""), NULL},
    {"TD-161: the operator's export", EFS("\"fileSystemId\":\"fs-dir\",\"rootDirectory\":\"/\""),
     false, "eu-west-1", MOUNT("nfs.lan", "/exports/a", ""), NULL},
    {"TD-161: a directory in it", EFS("\"fileSystemId\":\"fs-dir\",\"rootDirectory\":\"/b\""),
     false, "eu-west-1", MOUNT("nfs.lan", "/exports/a/b", ""), NULL},
    {"TD-161: an address with colons", EFS("\"fileSystemId\":\"fs-six\""), false, "eu-west-1",
     MOUNT("fd00::1", "/x", ""), NULL},
    {"TUT-382: encryption is not left out",
     EFS("\"fileSystemId\":\"fs-lan\",\"transitEncryption\":\"ENABLED\""), false, "eu-west-1", NULL,
     "file system fs-lan: transit encryption is not available on this instance"},
    {"TUT-382: the operator's tunnel",
     EFS("\"fileSystemId\":\"fs-tun\",\"transitEncryption\":\"ENABLED\""), false, "eu-west-1",
     MOUNT("127.0.0.1", "/", ""), NULL},
    {"TD-161: at the port asked for",
     EFS("\"fileSystemId\":\"fs-tud\",\"transitEncryption\":\"ENABLED\","
         "\"transitEncryptionPort\":2999,\"rootDirectory\":\"/e\""),
     false, "eu-west-1", MOUNT("127.0.0.1", "/d/e", ",port=2999"), NULL},
    {"TD-160: an access point has a root of its own",
     EFS("\"fileSystemId\":\"fs-tun\",\"transitEncryption\":\"ENABLED\",\"rootDirectory\":\"/\","
         "\"authorizationConfig\":{\"accessPointId\":\"fsap-1\",\"iam\":\"DISABLED\"}"),
     false, "eu-west-1", MOUNT("127.0.0.1", "/teams/web", ""), NULL},
    {"TD-160: within the export",
     EFS("\"fileSystemId\":\"fs-tud\",\"transitEncryption\":\"ENABLED\","
         "\"authorizationConfig\":{\"accessPointId\":\"fsap-1\"}"),
     false, "eu-west-1", MOUNT("127.0.0.1", "/d/teams/web", ""), NULL},
    {"TD-161: an access point nobody knows",
     EFS("\"fileSystemId\":\"fs-tun\",\"transitEncryption\":\"ENABLED\","
         "\"authorizationConfig\":{\"accessPointId\":\"fsap-9\"}"),
     false, "eu-west-1", NULL,
     "file system fs-tun: access point fsap-9 is not known on this instance"},
    {"TD-162: IAM needs the plugin",
     EFS("\"fileSystemId\":\"fs-tun\",\"transitEncryption\":\"ENABLED\","
         "\"authorizationConfig\":{\"iam\":\"ENABLED\"}"),
     false, "eu-west-1", NULL,
     "file system fs-tun: IAM authorization is not available on this instance"},
    {"AP-478: the plugin takes it as it is",
     EFS("\"fileSystemId\":\"fs-1\",\"rootDirectory\":\"/a\""), true, "eu-west-1",
     PLUGIN("fs-1:/a", ""), NULL},
    {"AP-478: without a directory", EFS("\"fileSystemId\":\"fs-lan\""), true, "eu-west-1",
     PLUGIN("fs-lan", ""), NULL},
    {"AP-478: with everything",
     EFS("\"fileSystemId\":\"fs-1\",\"rootDirectory\":\"/\",\"transitEncryption\":\"ENABLED\","
         "\"transitEncryptionPort\":123,\"authorizationConfig\":{\"accessPointId\":\"fsap-123\","
         "\"iam\":\"ENABLED\"}"),
     true, "eu-west-1",
     PLUGIN("fs-1:/", "tls,tlsport=123,iam,awscredsuri=/v2/credentials/c,accesspoint=fsap-123"),
     NULL},
};

static void docker_is_told(void **state)
{
    const struct config_map map = {(struct config_pair *)places, ARRAY_LEN(places)};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const struct volume_efs_host host = {bodies[i].region, bodies[i].has_plugin, &map,
                                             "/v2/credentials/c"};
        CLEANUP(buf_done) struct buf body = {0};
        CLEANUP(error_freep)
        struct error *err = volume_create_body(volume_of(bodies[i].volume), "n", &host, &body);

        if (!str_eq(err ? err->message : NULL, bodies[i].refusal))
            fail_msg("%s: %s", bodies[i].why, err ? err->message : "not refused");
        if (!err && !str_eq(body.data, bodies[i].body))
            fail_msg("%s: %s", bodies[i].why, body.data);
    }
}

static void a_shared_volume_is_compared(void **state)
{
    static const char *const volume =
        "{\"name\":\"v\",\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"scope\":\"shared\","
        "\"autoprovision\":true,\"driver\":\"local\",\"driverOpts\":{\"o\":\"x\",\"a\":\"1\"},"
        "\"labels\":{\"l\":\"1\"}}}";
    static const struct {
        const char *why, *options, *labels, *refusal;
    } rows[] = {
        {"the same", "{\"a\":\"1\",\"o\":\"x\"}", "{\"l\":\"1\"}", NULL},
        {"other labels", "{\"a\":\"1\",\"o\":\"x\"}", "{\"l\":\"2\",\"k\":\"3\"}",
         "intialize volume: non-autoprovisioned volume does not match existing volume labels: "
         "existing: map[k:3 l:2], expected: map[l:1]"},
        {"fewer options", "{\"a\":\"1\"}", "{\"l\":\"1\"}",
         "initialize volume: non-autoprovisioned volume does not match existing volume options: "
         "existing: map[a:1], expected: map[a:1 o:x]"},
        {"none", "{}", "{\"l\":\"1\"}",
         "initialize volume: non-autoprovisioned volume does not match existing volume options: "
         "existing: map[], expected: map[a:1 o:x]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct docker_volume found = {"v", "local", rows[i].options, rows[i].labels};
        CLEANUP(error_freep) struct error *err = volume_compare(volume_of(volume), &found);

        if (!str_eq(err ? err->message : NULL, rows[i].refusal))
            fail_msg("%s: %s", rows[i].why, err ? err->message : "not refused");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_names),
        cmocka_unit_test(only_what_is_mounted_is_needed),
        cmocka_unit_test(docker_is_told),
        cmocka_unit_test(a_shared_volume_is_compared),
    };

    return cmocka_run_group_tests(tests, NULL, drop_arena);
}
