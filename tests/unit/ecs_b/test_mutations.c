/* Requests gone wrong at random: each is answered, or refused with an error its operation declares
 * and nothing staged; hosts are never overcommitted, and what was made can be described. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define CALLS 8000

static const struct {
    const char *operation, *request;
} seeds[] = {
    {"RunTask",
     "{'taskDefinition':'web','cluster':'default','count':2,'launchType':'EC2','group':'g',"
     "'startedBy':'me','referenceId':'r','propagateTags':'TASK_DEFINITION','clientToken':'t',"
     "'enableECSManagedTags':true,'tags':[{'key':'k','value':'v'}],'placementConstraints':"
     "[{'type':'distinctInstance'}],'placementStrategy':[{'type':'spread','field':'instanceId'},"
     "{'type':'binpack','field':'cpu'}],'overrides':{'cpu':'256','memory':'512','taskRoleArn':'r',"
     "'containerOverrides':[{'name':'main','cpu':20,'memory':80,'memoryReservation':70,"
     "'command':['x'],'environment':[{'name':'a','value':'b'}],'environmentFiles':"
     "[{'value':'arn:x.env','type':'s3'}]}]}}"},
    {"RunTask", "{'taskDefinition':'vpc','networkConfiguration':{'awsvpcConfiguration':{'subnets':"
                "['a'],'securityGroups':['b'],'assignPublicIp':'DISABLED'}}}"},
    {"StartTask", "{'taskDefinition':'web:1','containerInstances':['@','@'],'group':'g',"
                  "'overrides':{'containerOverrides':[{'name':'main','cpu':1}]}}"},
    {"StopTask", "{'task':'#','reason':'x'}"},
    {"DescribeTasks", "{'tasks':['#','#'],'include':['TAGS']}"},
    {"ListTasks", "{'family':'web','serviceName':'s','desiredStatus':'RUNNING','maxResults':3,"
                  "'containerInstance':'@','launchType':'EC2'}"},
    {"CreateService",
     "{'serviceName':'s','taskDefinition':'web','desiredCount':2,'launchType':'EC2',"
     "'schedulingStrategy':'REPLICA','clientToken':'c','role':'r','deploymentController':"
     "{'type':'ECS'},'deploymentConfiguration':{'maximumPercent':200,'minimumHealthyPercent':50,"
     "'deploymentCircuitBreaker':{'enable':true,'rollback':false},'alarms':{'alarmNames':['a'],"
     "'enable':true,'rollback':true}},'loadBalancers':[{'targetGroupArn':'arn:t',"
     "'containerName':'main','containerPort':80}],'serviceRegistries':[{'registryArn':'arn:r',"
     "'containerName':'main','containerPort':80}],'healthCheckGracePeriodSeconds':5,"
     "'placementStrategy':[{'type':'random'}],'tags':[{'key':'k','value':'v'}],"
     "'propagateTags':'SERVICE','serviceConnectConfiguration':{'enabled':true,'namespace':'n',"
     "'services':[{'portName':'http','discoveryName':'d','clientAliases':[{'port':80,"
     "'dnsName':'x'}]}]}}"},
    {"CreateService", "{'serviceName':'s','taskDefinition':'web','desiredCount':2}"},
    {"UpdateService",
     "{'service':'s','taskDefinition':'web','desiredCount':3,'forceNewDeployment':true,"
     "'deploymentConfiguration':{'maximumPercent':150},'loadBalancers':[],"
     "'placementConstraints':[{'type':'distinctInstance'}],'placementStrategy':[],"
     "'propagateTags':'NONE','serviceRegistries':[],'enableECSManagedTags':true}"},
    {"DeleteService", "{'service':'s','force':true}"},
    {"DescribeServices", "{'services':['s','x'],'include':['TAGS']}"},
    {"ListServices", "{'maxResults':2,'launchType':'EC2','schedulingStrategy':'REPLICA'}"},
};

static json_t *something_else(struct rng *rng)
{
    static const char *const texts[] = {"", "s", "main", "default", "arn:aws:ecs:x", "web:0"};

    switch (rng_below(rng, 7)) {
    case 0:
        return json_null();
    case 1:
        return json_integer(-1);
    case 2:
        return json_integer((json_int_t)rng_below(rng, 1u << 31));
    case 3:
        return json_array();
    case 4:
        return json_object();
    case 5:
        return json_true();
    default:
        return json_string(texts[rng_below(rng, ARRAY_LEN(texts))]);
    }
}

/* A copy with members missing, items doubled and values replaced here and there. */
static json_t *mutate(const json_t *json, struct rng *rng)
{
    json_t *copy;
    const char *name;
    json_t *value;
    size_t i;

    if (rng_below(rng, 60) == 0)
        return something_else(rng);
    if (json_is_object(json)) {
        copy = json_object();
        json_object_foreach ((json_t *)json, name, value)
            if (rng_below(rng, 6) != 0)
                json_object_set_new(copy, name, mutate(value, rng));
        return copy;
    }
    if (json_is_array(json)) {
        copy = json_array();
        json_array_foreach (json, i, value)
            for (uint64_t times = rng_below(rng, 8) ? 1 : rng_below(rng, 3); times > 0; times--)
                json_array_append_new(copy, mutate(value, rng));
        return copy;
    }
    return json_deep_copy(json);
}

/* The seed's text with '@' an instance and '#' a task, then mutated. */
static char *make_request(const char *seed, const char *instance, const char *task, struct rng *rng)
{
    CLEANUP(buf_done) struct buf text = {0};
    json_t *tree;
    json_t *mutated;
    char *request;

    for (const char *c = seed; *c; c++) {
        if (*c == '\'')
            buf_add_char(&text, '"');
        else if (*c == '@' || *c == '#')
            buf_add_str(&text, *c == '@' ? instance : task);
        else
            buf_add_char(&text, *c);
    }
    tree = json_loads(text.data, 0, NULL);
    assert_non_null(tree);
    mutated = mutate(tree, rng);
    request = json_dumps(mutated, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(tree);
    json_decref(mutated);
    return request;
}

static void check_capacity(struct world *world)
{
    const struct container_instance *instance = NULL;

    while ((instance = state_instance_after(world->state, world_scope(world), "default",
                                            instance ? &instance->id : NULL))) {
        struct instance_counts counts;

        state_instance_counts(instance, &counts);
        assert_true(counts.cpu_held <= instance->cpu);
        assert_true(counts.memory_held <= instance->memory);
    }
}

/* What happened to tasks since: some stop, some run. */
static void live_on(struct world *world, const char *arn, struct rng *rng)
{
    struct task *task = world_edit_task(world, arn);

    if (rng_below(rng, 4) != 0)
        task->last_status = task->desired_status = TASK_STOPPED;
    else if (task->last_status != TASK_STOPPED)
        task->last_status = TASK_RUNNING;
    world_commit(world);
}

static void answers_or_refuses(void **state)
{
    struct world *world = world_new();
    struct rng rng = rng_seeded(20261120);
    CLEANUP(str_freep) char *instance = str_dup(world_instance(world, 2048, 4096));
    char task[ID_HEX_SIZE] = "00000000000000000000000000000000";
    size_t accepted[ARRAY_LEN(seeds)] = {0};

    (void)state;
    world_instance(world, 512, 512);
    world_definition(world, "web", "'portMappings':[{'containerPort':80,'name':'http'}]",
                     "'memory':'256','tags':[{'key':'d','value':'e'}]");
    world_definition(world, "vpc", "", "'networkMode':'awsvpc'");
    for (int i = 0; i < CALLS; i++) {
        size_t seed = rng_below(&rng, ARRAY_LEN(seeds));
        char *request = make_request(seeds[seed].request, instance, task, &rng);
        const json_t *answer = world_try(world, seeds[seed].operation, request);
        const char *arn = answer ? world_at(world, answer, "tasks.0.taskArn") : NULL;

        accepted[seed] += answer != NULL;
        if (arn) {
            memcpy(task, strrchr(arn, '/') + 1, sizeof(task));
            check_capacity(world);
            live_on(world, arn, &rng);
        }
        if (rng_below(&rng, 50) == 0 &&
            state_service(world->state, world_scope(world), "default", "s")) {
            world_edit_service(world, "s")->status = SERVICE_INACTIVE;
            world_commit(world);
        }
        world->now_ms += (int64_t)rng_below(&rng, 3600 * 1000);
        free(request);
        json_array_clear(world->answers);
    }
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
        print_message("  %s: %zu accepted\n", seeds[i].operation, accepted[i]);
        assert_true(accepted[i] > 0);
    }
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_or_refuses),
    };

    return cmocka_run_group_tests_name("tasks and services, requests gone wrong", tests, NULL,
                                       NULL);
}
