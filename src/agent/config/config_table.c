#include "agent/config/config_table.h"

#include <inttypes.h>
#include <string.h>

#include "agent/config/config.h"

#define SECOND       1000
#define MINUTE       (60 * SECOND)
#define HOUR         (60 * MINUTE)
#define MEMBER(name) offsetof(struct agent_config, name)

/* Defaults, bounds and what happens beyond them are the official agent's and its documentation's;
 * where those differ, the documentation's (AG-118 to AG-120). */
const struct config_setting config_settings[] = {
    {.name = "ECS_CLUSTER",
     .kind = CONFIG_OWN,
     .json = "Cluster",
     .shown = "`default`",
     .about = "The cluster to join, by name or ARN. `default` is made if it is missing; another "
              "one that is missing ends the agent. Flag `--cluster`.",
     .heading = "Identity and connection"},
    {.name = "ECS_BACKEND_HOST",
     .kind = CONFIG_OWN,
     .json = "APIEndpoint",
     .shown = "none: one of the three is needed",
     .about =
         "Where the control plane answers; `https` unless a scheme is given. Flag `--server`; also "
         "read from `AWS_ENDPOINT_URL_ECS` and `AWS_ENDPOINT_URL`, which `berth env` prints."},
    {.name = "AWS_ENDPOINT_URL",
     .kind = CONFIG_OWN,
     .shown = "the control plane's",
     .about =
         "Where secrets, parameters, objects and logins of registries are asked for, if none of "
         "the next four says it (`docs/secrets.md`)."},
    {.name = "AWS_ENDPOINT_URL_SSM",
     .kind = CONFIG_OWN,
     .shown = "`AWS_ENDPOINT_URL`",
     .about = "Where Parameter Store answers."},
    {.name = "AWS_ENDPOINT_URL_SECRETS_MANAGER",
     .kind = CONFIG_OWN,
     .shown = "`AWS_ENDPOINT_URL`",
     .about = "Where Secrets Manager answers."},
    {.name = "AWS_ENDPOINT_URL_S3",
     .kind = CONFIG_OWN,
     .shown = "`AWS_ENDPOINT_URL`",
     .about = "Where S3 answers; buckets are named in the path."},
    {.name = "AWS_ENDPOINT_URL_ECR",
     .kind = CONFIG_OWN,
     .shown = "`AWS_ENDPOINT_URL`",
     .about = "Where ECR answers, for images whose task does not say it."},
    {.name = "AWS_DEFAULT_REGION",
     .kind = CONFIG_OWN,
     .json = "AWSRegion",
     .shown = "`us-east-1`",
     .about = "The region of requests and ARNs; `AWS_REGION` is read after it. Needed with "
              "`ECS_EXTERNAL`: without it the agent ends."},
    {.name = "ECS_EXTERNAL",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_external),
     .json = "External",
     .about = "The host is an instance of launch type EXTERNAL."},
    {.name = "AWS_ACCESS_KEY_ID",
     .kind = CONFIG_TEXT,
     .member = MEMBER(access_key_id),
     .about = "The agent's key; with `AWS_SECRET_ACCESS_KEY` it is used before any file."},
    {.name = "AWS_SECRET_ACCESS_KEY",
     .kind = CONFIG_TEXT,
     .member = MEMBER(secret_access_key),
     .about = "Its secret. Never logged."},
    {.name = "AWS_SESSION_TOKEN",
     .kind = CONFIG_TEXT,
     .member = MEMBER(session_token),
     .about = "The token of temporary keys."},
    {.name = "AWS_SHARED_CREDENTIALS_FILE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(shared_credentials_file),
     .shown = "`~/.aws/credentials`",
     .about = "A credentials file. It is read after `/rotatingcreds/credentials` with "
              "`ECS_EXTERNAL`, before it without, and again every minute."},
    {.name = "AWS_PROFILE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(shared_profile),
     .text_fallback = "default",
     .about = "Its profile."},
    {.name = "ECS_ALTERNATE_CREDENTIAL_PROFILE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(credentials_profile),
     .text_fallback = "default",
     .about = "The profile of `/rotatingcreds/credentials`."},
    {.name = "DOCKER_HOST",
     .kind = CONFIG_TEXT,
     .member = MEMBER(docker_host),
     .text_fallback = CONFIG_DOCKER_HOST,
     .json = "DockerEndpoint",
     .about = "Where Docker answers: `unix:///path` or `tcp://host:port`; anything else ends the "
              "agent. Flag `--docker`."},
    {.name = "HTTP_PROXY",
     .kind = CONFIG_TEXT,
     .member = MEMBER(proxy),
     .about = "`host:port`, with or without `http://`: the proxy of everything the agent asks of "
              "the control plane. Its WebSockets tunnel through it."},
    {.name = "NO_PROXY",
     .kind = CONFIG_TEXT,
     .member = MEMBER(no_proxy),
     .about = "What is asked without the proxy, separated by commas. This host itself, "
              "`169.254.169.254`, `169.254.170.2` and Docker's socket always are."},
    {.name = "SSL_CERT_FILE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(ca_file),
     .about = "Certificates to trust instead of the system's."},
    {.name = "ECS_AGENT_CONFIG_FILE_PATH",
     .kind = CONFIG_OWN,
     .shown = "`/etc/ecs_container_agent/config.json`",
     .about = "The JSON file with settings under the names of the third column."},
    {.name = "ECS_INSTANCE_ATTRIBUTES",
     .kind = CONFIG_MAP,
     .member = MEMBER(attributes),
     .refusal = CONFIG_REFUSE,
     .json = "InstanceAttributes",
     .about =
         "Attributes of the first registration. What is no JSON object of texts ends the agent "
         "with exit code 5; so does, after registration, one that the server did not take.",
     .heading = "What is registered"},
    {.name = "ECS_CONTAINER_INSTANCE_TAGS",
     .kind = CONFIG_MAP,
     .member = MEMBER(tags),
     .refusal = CONFIG_REFUSE,
     .json = "ContainerInstanceTags",
     .about =
         "Tags of the instance. What is no JSON object of texts ends the agent with exit code 5."},
    {.name = "ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM",
     .kind = CONFIG_UNUSED,
     .json = "ContainerInstancePropagateTagsFrom",
     .shown = "`none`",
     .about =
         "There is no provider to take tags from: give them as `ECS_CONTAINER_INSTANCE_TAGS`."},
    {.name = "ECS_RESERVED_MEMORY",
     .kind = CONFIG_NUMBER,
     .member = MEMBER(reserved_memory_mib),
     .most = 1 << 30,
     .json = "ReservedMemory",
     .about = "MiB that tasks do not get. If nothing is left the agent ends."},
    {.name = "ECS_RESERVED_PORTS",
     .kind = CONFIG_PORTS,
     .member = MEMBER(reserved_ports),
     .json = "ReservedPorts",
     .shown = "`[22, 2375, 2376, 51678, 51679]`",
     .about =
         "TCP ports that tasks do not get, besides those of the default. `0` to `65535` each."},
    {.name = "ECS_RESERVED_PORTS_UDP",
     .kind = CONFIG_PORTS,
     .member = MEMBER(reserved_ports_udp),
     .json = "ReservedPortsUDP",
     .about = "UDP ports that tasks do not get."},
    {.name = "ECS_AVAILABLE_LOGGING_DRIVERS",
     .kind = CONFIG_TEXTS,
     .member = MEMBER(logging_drivers),
     .text_fallback = "[\"json-file\",\"none\"]",
     .json = "AvailableLoggingDrivers",
     .about = "Log drivers announced as attributes. One that nobody knows ends the agent; one that "
              "is too new for this Docker is left out."},
    {.name = "ECS_DISABLE_PRIVILEGED",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_privileged_disabled),
     .json = "PrivilegedDisabled",
     .about = "No privileged containers here."},
    {.name = "ECS_SELINUX_CAPABLE",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_selinux_capable),
     .json = "SELinuxCapable",
     .about = "Announces SELinux."},
    {.name = "ECS_APPARMOR_CAPABLE",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_apparmor_capable),
     .json = "AppArmorCapable",
     .about = "Announces AppArmor."},
    {.name = "ECS_ENABLE_TASK_IAM_ROLE",
     .kind = CONFIG_OWN,
     .json = "TaskIAMRoleEnabled",
     .shown = "`false`; `true` with `ECS_EXTERNAL`",
     .about = "Announces roles for tasks."},
    {.name = "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST",
     .kind = CONFIG_OWN,
     .json = "TaskIAMRoleEnabledForNetworkHost",
     .shown = "`false`; `true` with `ECS_EXTERNAL`",
     .about = "Announces roles for tasks in network mode host."},
    {.name = "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE",
     .kind = CONFIG_BOOL,
     .member = MEMBER(has_awslogs_execution_role),
     .json = "OverrideAWSLogsExecutionRole",
     .about = "The log driver awslogs uses the execution role."},
    {.name = "ECS_ENABLE_GPU_SUPPORT",
     .kind = CONFIG_BOOL,
     .member = MEMBER(has_gpu_support),
     .json = "GPUSupportEnabled",
     .about = "Announces GPUs and gives them to containers that ask for some."},
    {.name = "ECS_NVIDIA_RUNTIME",
     .kind = CONFIG_TEXT,
     .member = MEMBER(nvidia_runtime),
     .text_fallback = "nvidia",
     .json = "NvidiaRuntime",
     .about = "Docker's runtime for them."},
    {.name = "ECS_VOLUME_PLUGIN_CAPABILITIES",
     .kind = CONFIG_TEXTS,
     .member = MEMBER(volume_plugin_capabilities),
     .json = "VolumePluginCapabilities",
     .about = "What the volume plugin can do: `[\"efsAuth\"]`."},
    {.name = "BERTH_EFS_FILE_SYSTEMS",
     .kind = CONFIG_MAP,
     .member = MEMBER(efs_file_systems),
     .refusal = CONFIG_REFUSE,
     .about = "Ours: where EFS file systems are, `{\"fs-1234\":\"nfs.lan:/exports/a\"}` "
              "(`logs-and-volumes.md`)."},
    {.name = "ECS_DETAILED_OS_FAMILY",
     .kind = CONFIG_TEXT,
     .member = MEMBER(os_family_detailed),
     .text_fallback = "LINUX",
     .about = "The attribute `ecs.os-type-detailed`."},
    {.name = "ECS_DATADIR",
     .kind = CONFIG_TEXT,
     .member = MEMBER(data_dir),
     .text_fallback = CONFIG_DATA_DIR,
     .json = "DataDir",
     .about = "Where the agent keeps what it must remember. Flag `--data`.",
     .heading = "State and log"},
    {.name = "ECS_CHECKPOINT",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_checkpointed),
     .fallback = 1,
     .json = "Checkpoint",
     .about = "Off: tasks are forgotten when the agent ends. ECS turns it on with `ECS_DATADIR`; "
              "this agent has a directory by default."},
    {.name = "ECS_HOST_DATA_DIR",
     .kind = CONFIG_TEXT,
     .member = MEMBER(host_data_dir),
     .text_fallback = "/var/lib/ecs",
     .json = "DataDirOnHost",
     .about = "The host directory that is the parent of `ECS_DATADIR`, from which metadata files "
              "are mounted into containers."},
    {.name = "ECS_LOGFILE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(log_file),
     .about = "A file to log to, besides standard error. Its directory is made."},
    {.name = "ECS_LOGLEVEL",
     .kind = CONFIG_TEXT,
     .member = MEMBER(log_level),
     .text_fallback = "info",
     .about = "`crit`, `error`, `warn`, `info` or `debug`. Flag `--log-level`."},
    {.name = "ECS_LOGLEVEL_ON_INSTANCE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(log_level_file),
     .shown = "`ECS_LOGLEVEL`; `none` with `ECS_LOG_DRIVER`",
     .about = "The same for the file; `none` writes nothing to it."},
    {.name = "ECS_LOG_DRIVER",
     .kind = CONFIG_TEXT,
     .member = MEMBER(log_driver),
     .about = "The log driver of the agent's own container, if it runs in one: whoever starts that "
              "uses it. Here it only turns the file off, as above."},
    {.name = "ECS_LOG_OPTS",
     .kind = CONFIG_UNUSED,
     .about = "Options of that driver: read by whoever starts the agent's container."},
    {.name = "ECS_LOG_OUTPUT_FORMAT",
     .kind = CONFIG_TEXT,
     .member = MEMBER(log_format),
     .text_fallback = "logfmt",
     .about = "`logfmt` or `json`. Flag `--log-format`, which also knows `text`."},
    {.name = "ECS_LOG_ROLLOVER_TYPE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(log_rollover),
     .text_fallback = "hourly",
     .about = "`hourly`, `size` or `none`: when a new log file is begun."},
    {.name = "ECS_LOG_MAX_FILE_SIZE_MB",
     .kind = CONFIG_OWN,
     .shown = "`10`",
     .about = "With `size`: of how many million bytes; fractions are fine."},
    {.name = "ECS_LOG_MAX_ROLL_COUNT",
     .kind = CONFIG_NUMBER,
     .member = MEMBER(log_rolls),
     .fallback = 24,
     .most = 100000,
     .about = "How many old log files are kept; 0 keeps all."},
    {.name = "ECS_AUDIT_LOGFILE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(audit_log_file),
     .text_fallback = CONFIG_AUDIT_LOG_FILE,
     .json = "CredentialsAuditLogFile",
     .about = "Where requests for credentials are noted."},
    {.name = "ECS_AUDIT_LOGFILE_DISABLED",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_audit_log_disabled),
     .json = "CredentialsAuditLogDisabled",
     .about = "They are not."},
    {.name = "ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS",
     .kind = CONFIG_BOOL,
     .member = MEMBER(allows_offhost_introspection),
     .about =
         "Introspection answers on all addresses, not only on 127.0.0.1. Flag `--introspection`."},
    {.name = "BERTH_TASK_ENDPOINT",
     .kind = CONFIG_TEXT,
     .member = MEMBER(task_endpoint),
     .text_fallback = CONFIG_TASK_ENDPOINT,
     .about = "Ours: address and port of the endpoint for tasks, or `none`. Anything else ends the "
              "agent."},
    {.name = "BERTH_BLOCK_IMDS",
     .kind = CONFIG_BOOL,
     .member = MEMBER(blocks_machine_metadata),
     .fallback = 1,
     .about = "Ours: containers on Docker's bridge do not reach 169.254.169.254, where a virtual "
              "machine finds its own credentials. Not with another `BERTH_TASK_ENDPOINT`."},
    {.name = "ECS_TASK_METADATA_RPS_LIMIT",
     .kind = CONFIG_OWN,
     .json = "TaskMetadataSteadyStateRate",
     .shown = "`40,60`",
     .about =
         "Requests a second and at once that tasks may send to it; nonsense gives the default."},
    {.name = "ECS_DISABLE_TASK_METADATA_AZ",
     .kind = CONFIG_BOOL,
     .member = MEMBER(hides_zone),
     .json = "TaskMetadataAZDisabled",
     .about = "Metadata does not tell the availability zone."},
    {.name = "ECS_DISABLE_METRICS",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_metrics_disabled),
     .json = "DisableMetrics",
     .about = "No metrics are sent.",
     .heading = "Metrics and health"},
    {.name = "ECS_POLL_METRICS",
     .kind = CONFIG_BOOL,
     .member = MEMBER(polls_metrics),
     .json = "PollMetrics",
     .about = "Figures are asked for, not streamed. This agent always asks: a stream for each "
              "container costs Docker more."},
    {.name = "ECS_POLLING_METRICS_WAIT_DURATION",
     .kind = CONFIG_DURATION,
     .member = MEMBER(metrics_poll_ms),
     .fallback = 10 * SECOND,
     .least = 5 * SECOND,
     .most = 20 * SECOND,
     .refusal = CONFIG_CLAMP,
     .json = "PollingMetricsWaitDuration",
     .about = "How often."},
    {.name = "ECS_DISABLE_DOCKER_HEALTH_CHECK",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_health_check_disabled),
     .json = "DisableDockerHealthCheck",
     .about = "Container health checks are not announced."},
    {.name = "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION",
     .kind = CONFIG_DURATION,
     .member = MEMBER(task_cleanup_wait_ms),
     .fallback = 3 * HOUR,
     .least = 1 * SECOND,
     .json = "TaskCleanupWaitDuration",
     .about = "From a task's end to the removal of its containers.",
     .heading = "Tasks"},
    {.name = "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER",
     .kind = CONFIG_DURATION,
     .member = MEMBER(task_cleanup_jitter_ms),
     .json = "TaskCleanupWaitDurationJitter",
     .about = "At most so much more, at random."},
    {.name = "ECS_CONTAINER_STOP_TIMEOUT",
     .kind = CONFIG_DURATION,
     .member = MEMBER(container_stop_timeout_ms),
     .fallback = 30 * SECOND,
     .least = 1 * SECOND,
     .refusal = CONFIG_CLAMP,
     .json = "DockerStopTimeout",
     .about = "From the stop signal to SIGKILL, for containers without `stopTimeout`."},
    {.name = "ECS_CONTAINER_START_TIMEOUT",
     .kind = CONFIG_DURATION,
     .member = MEMBER(container_start_timeout_ms),
     .fallback = 3 * MINUTE,
     .least = 45 * SECOND,
     .refusal = CONFIG_CLAMP,
     .json = "ContainerStartTimeout",
     .about = "For Docker to start a container."},
    {.name = "ECS_CONTAINER_CREATE_TIMEOUT",
     .kind = CONFIG_DURATION,
     .member = MEMBER(container_create_timeout_ms),
     .fallback = 4 * MINUTE,
     .least = 1 * MINUTE,
     .refusal = CONFIG_CLAMP,
     .json = "ContainerCreateTimeout",
     .about = "For Docker to create a container."},
    {.name = "ECS_ENABLE_TASK_CPU_MEM_LIMIT",
     .kind = CONFIG_BOOL,
     .member = MEMBER(limits_task_resources),
     .fallback = 1,
     .json = "TaskCPUMemLimit",
     .about = "Limits of tasks, by a control group each. If it is said to be on and the host "
              "cannot, the agent ends."},
    {.name = "ECS_CGROUP_PATH",
     .kind = CONFIG_TEXT,
     .member = MEMBER(cgroup_path),
     .text_fallback = "/sys/fs/cgroup",
     .json = "CgroupPath",
     .about = "Where control groups are mounted."},
    {.name = "ECS_CGROUP_CPU_PERIOD",
     .kind = CONFIG_DURATION,
     .member = MEMBER(cgroup_cpu_period_ms),
     .fallback = 100,
     .least = 8,
     .most = 100,
     .json = "CgroupCPUPeriod",
     .about = "The period of their CPU quota."},
    {.name = "ECS_TASK_PIDS_LIMIT",
     .kind = CONFIG_NUMBER,
     .member = MEMBER(task_pids_limit),
     .fallback = 0,
     .least = 1,
     .most = 4194304,
     .json = "TaskPidsLimit",
     .shown = "none",
     .about = "Processes of one task."},
    {.name = "ECS_PROPAGATE_TASK_MEMORY_LIMIT_CGROUPV2",
     .kind = CONFIG_BOOL,
     .json = "PropagateTaskMemoryLimitCgroupV2",
     .member = MEMBER(hands_down_task_memory),
     .about = "On cgroup v2 a container without a memory limit gets its task's."},
    {.name = "ECS_DYNAMIC_HOST_PORT_RANGE",
     .kind = CONFIG_OWN,
     .json = "DynamicHostPortRange",
     .shown = "the kernel's",
     .about =
         "`first-last`: host ports for mappings that ask for any; nonsense gives the default."},
    {.name = "ECS_EXCLUDE_IPV6_PORTBINDING",
     .kind = CONFIG_BOOL,
     .member = MEMBER(excludes_ipv6_bindings),
     .fallback = 1,
     .json = "ShouldExcludeIPv6PortBinding",
     .about = "Bindings of IPv6 addresses are not reported."},
    {.name = "ECS_SHARED_VOLUME_MATCH_FULL_CONFIG",
     .kind = CONFIG_BOOL,
     .member = MEMBER(matches_full_volume_config),
     .json = "SharedVolumeMatchFullConfig",
     .about = "A shared volume must have the same options and labels, not only the same name."},
    {.name = "ECS_ENABLE_CONTAINER_METADATA",
     .kind = CONFIG_BOOL,
     .member = MEMBER(writes_container_metadata),
     .json = "ContainerMetadataEnabled",
     .about = "Containers get a file about themselves."},
    {.name = "ECS_ENABLE_FIRELENS_ASYNC",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_firelens_async),
     .fallback = 1,
     .json = "FirelensAsyncEnabled",
     .about = "Log drivers connect to the log router in the background."},
    {.name = "ECS_PAUSE_LABELS",
     .kind = CONFIG_MAP,
     .member = MEMBER(pause_labels),
     .about = "Labels of the containers that hold a task's namespaces, besides those of ECS."},
    {.name = "BERTH_AWSLOGS_ENDPOINT",
     .kind = CONFIG_TEXT,
     .member = MEMBER(awslogs_endpoint),
     .about = "Ours: where `awslogs` sends to, or `aws`. Unset: to the control plane."},
    {.name = "ECS_IMAGE_PULL_BEHAVIOR",
     .kind = CONFIG_OWN,
     .json = "ImagePullBehavior",
     .shown = "`default`",
     .about = "`default`: pull, and use a cached image if that fails. `always`: pull, and fail if "
              "that fails. `once`: pull unless a task of this host did before. `prefer-cached`: "
              "pull only what is not here; nothing is cleaned up then. Nonsense gives the default. "
              "In the JSON file a number, 0 to 3.",
     .heading = "Images"},
    {.name = "ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT",
     .kind = CONFIG_BOOL,
     .member = MEMBER(pulls_dependents_upfront),
     .json = "DependentContainersPullUpfront",
     .about = "Images are pulled before what the container depends on is there."},
    {.name = "ECS_MANIFEST_PULL_TIMEOUT",
     .kind = CONFIG_DURATION,
     .member = MEMBER(manifest_pull_timeout_ms),
     .fallback = 1 * MINUTE,
     .least = 30 * SECOND,
     .refusal = CONFIG_CLAMP,
     .json = "ManifestPullTimeout",
     .about = "For asking the registry which version a name stands for, with all tries."},
    {.name = "ECS_IMAGE_PULL_TIMEOUT",
     .kind = CONFIG_DURATION,
     .member = MEMBER(image_pull_timeout_ms),
     .fallback = 2 * HOUR,
     .least = 1 * SECOND,
     .json = "ImagePullTimeout",
     .about = "For a pull, with all tries."},
    {.name = "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT",
     .kind = CONFIG_DURATION,
     .member = MEMBER(image_pull_inactivity_ms),
     .fallback = 1 * MINUTE,
     .least = 1 * MINUTE,
     .refusal = CONFIG_CLAMP,
     .json = "ImagePullInactivityTimeout",
     .about = "A pull of which nothing is heard for so long has failed."},
    {.name = "ECS_ENGINE_AUTH_TYPE",
     .kind = CONFIG_TEXT,
     .member = MEMBER(engine_auth_type),
     .json = "EngineAuthType",
     .about =
         "`docker` or `dockercfg`: what `ECS_ENGINE_AUTH_DATA` is. Another word: no credentials."},
    {.name = "ECS_ENGINE_AUTH_DATA",
     .kind = CONFIG_TEXT,
     .member = MEMBER(engine_auth_data),
     .json = "EngineAuthData",
     .about = "Credentials of registries. `docker`: "
              "`{\"host\":{\"username\":\"\",\"password\":\"\",\"email\":\"\"}}`. `dockercfg`: "
              "`{\"host\":{\"auth\":\"\",\"email\":\"\"}}`, also inside `auths`. Entries that make "
              "no sense are left out. Never logged."},
    {.name = "BERTH_PREFETCH_IMAGES",
     .kind = CONFIG_BOOL,
     .member = MEMBER(prefetches_images),
     .about = "Ours: images of task definitions are pulled when those are registered, before any "
              "task needs them (`docs/images.md`)."},
    {.name = "ECS_DISABLE_IMAGE_CLEANUP",
     .kind = CONFIG_BOOL,
     .member = MEMBER(is_image_cleanup_disabled),
     .json = "ImageCleanupDisabled",
     .about = "Images are never removed."},
    {.name = "ECS_IMAGE_CLEANUP_INTERVAL",
     .kind = CONFIG_DURATION,
     .member = MEMBER(image_cleanup_interval_ms),
     .fallback = 30 * MINUTE,
     .least = 10 * MINUTE,
     .json = "ImageCleanupInterval",
     .about = "How often unused images are looked for."},
    {.name = "ECS_IMAGE_MINIMUM_CLEANUP_AGE",
     .kind = CONFIG_DURATION,
     .member = MEMBER(image_cleanup_age_ms),
     .fallback = 1 * HOUR,
     .json = "MinimumImageDeletionAge",
     .about = "How long ago an image must have been pulled to be removed."},
    {.name = "ECS_NUM_IMAGES_DELETE_PER_CYCLE",
     .kind = CONFIG_NUMBER,
     .member = MEMBER(images_per_cleanup),
     .fallback = 5,
     .least = 1,
     .json = "NumImagesToDeletePerCycle",
     .about = "How many are removed at a time."},
    {.name = "ECS_ENABLE_UNTRACKED_IMAGE_CLEANUP",
     .kind = CONFIG_BOOL,
     .member = MEMBER(cleans_untracked_images),
     .json = "DeleteNonECSImagesEnabled",
     .about = "Containers and images that are no task's are removed too."},
    {.name = "ECS_EXCLUDE_UNTRACKED_IMAGE",
     .kind = CONFIG_IMAGES,
     .member = MEMBER(images_kept),
     .json = "ImageCleanupExclusionList",
     .about = "Images that are never removed: `name:tag,name:tag`, or `{\"name\":\"tag\"}`."},
    {.name = "NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE",
     .kind = CONFIG_DURATION,
     .member = MEMBER(other_image_cleanup_age_ms),
     .fallback = 1 * HOUR,
     .json = "NonECSMinimumImageDeletionAge",
     .about = "How long ago an image that is no task's must have been built to be removed."},
    {.name = "NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE",
     .kind = CONFIG_NUMBER,
     .member = MEMBER(containers_per_cleanup),
     .fallback = 5,
     .least = 1,
     .json = "NumNonECSContainersToDeletePerCycle",
     .about = "How many containers that are no task's are removed at a time, after "
              "`ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION`."},
    {.name = "ECS_ENABLE_TASK_ENI",
     .kind = CONFIG_BOOL,
     .member = MEMBER(has_task_eni),
     .json = "TaskENIEnabled",
     .about = "Tasks with an interface of their own.",
     .heading = "Networks of tasks (awsvpc)"},
    {.name = "ECS_CNI_PLUGINS_PATH",
     .kind = CONFIG_TEXT,
     .member = MEMBER(cni_plugins_path),
     .text_fallback = "/amazon-ecs-cni-plugins",
     .json = "CNIPluginsPath",
     .about = "Where CNI plugins are."},
    {.name = "ECS_AWSVPC_BLOCK_IMDS",
     .kind = CONFIG_BOOL,
     .member = MEMBER(blocks_instance_metadata),
     .json = "AWSVPCBlockInstanceMetdata",
     .about = "169.254.169.254 is out of reach of such tasks."},
    {.name = "ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES",
     .kind = CONFIG_TEXTS,
     .member = MEMBER(local_routes),
     .refusal = CONFIG_REFUSE,
     .json = "AWSVPCAdditionalLocalRoutes",
     .about = "Prefixes that such tasks reach by way of the host. What is no JSON list of texts "
              "ends the agent."},
    {.name = "ECS_ENABLE_HIGH_DENSITY_ENI",
     .kind = CONFIG_UNUSED,
     .json = "ENITrunkingEnabled",
     .shown = "`true`",
     .about = "Trunk interfaces are those of EC2."},
    {.name = "ECS_UPDATES_ENABLED",
     .kind = CONFIG_BOOL,
     .member = MEMBER(are_updates_enabled),
     .json = "UpdatesEnabled",
     .about = "The agent gets a new version when the control plane says so, and ends with exit "
              "code 42 for it (`docs/agent-updates.md`).",
     .heading = "The agent itself"},
    {.name = "ECS_UPDATE_DOWNLOAD_DIR",
     .kind = CONFIG_TEXT,
     .member = MEMBER(update_download_dir),
     .json = "UpdateDownloadDir",
     .shown = "`updates` in `ECS_DATADIR`",
     .about = "Where that is put."},
    {.name = "ECS_ENABLE_SPOT_INSTANCE_DRAINING",
     .kind = CONFIG_BOOL,
     .member = MEMBER(drains_on_spot_notice),
     .json = "SpotInstanceDrainingEnabled",
     .about = "On a notice that the host goes away its instance is set to DRAINING. The notice is "
              "SIGUSR1: `systemctl kill -s USR1 ecs`."},
    {.name = "ECS_WARM_POOLS_CHECK",
     .kind = CONFIG_UNUSED,
     .json = "WarmPoolsSupport",
     .shown = "`false`",
     .about = "There are no Auto Scaling warm pools."},
    {.name = "ECS_ENABLE_RUNTIME_STATS",
     .kind = CONFIG_UNUSED,
     .json = "EnableRuntimeStats",
     .about = "Profiles of Go's runtime.",
     .heading = "Without meaning here"},
    {.name = "ECS_ENABLE_PROMETHEUS_METRICS",
     .kind = CONFIG_UNUSED,
     .json = "PrometheusMetricsEnabled",
     .about = "Metrics of Go's runtime; port 51680 is not opened."},
    {.name = "ECS_ENABLE_INF_SUPPORT",
     .kind = CONFIG_UNUSED,
     .json = "InferentiaSupportEnabled",
     .about = "AWS Inferentia."},
    {.name = "ECS_EBSTA_SUPPORTED",
     .kind = CONFIG_UNUSED,
     .json = "EBSTASupportEnabled",
     .about = "Volumes of EBS."},
    {.name = "ECS_INSTANCE_IP_COMPATIBILITY",
     .kind = CONFIG_UNUSED,
     .about = "The agent follows what the host has."},
    {.name = "ECS_GMSA_SUPPORTED",
     .kind = CONFIG_UNUSED,
     .json = "GMSACapable",
     .about = "Windows accounts."},
    {.name = "ECS_DOMAIN_JOINED_LINUX_INSTANCE",
     .kind = CONFIG_UNUSED,
     .about = "Windows accounts."},
    {.name = "CREDENTIALS_FETCHER_HOST", .kind = CONFIG_UNUSED, .about = "Windows accounts."},
    {.name = "CREDENTIALS_FETCHER_HOST_DIR", .kind = CONFIG_UNUSED, .about = "Windows accounts."},
    {.name = "CREDENTIALS_FETCHER_SECRET_NAME_FOR_DOMAINLESS_GMSA",
     .kind = CONFIG_UNUSED,
     .about = "Windows accounts."},
    {.name = "ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED",
     .kind = CONFIG_UNUSED,
     .json = "FSxWindowsFileServerCapable",
     .about = "Windows file servers."},
    {.name = "ECS_ENABLE_CPU_UNBOUNDED_WINDOWS_WORKAROUND",
     .kind = CONFIG_UNUSED,
     .about = "Windows."},
    {.name = "ECS_ENABLE_MEMORY_UNBOUNDED_WINDOWS_WORKAROUND",
     .kind = CONFIG_UNUSED,
     .about = "Windows."},
    {.name = "ECS_AGENT_LABELS",
     .kind = CONFIG_UNUSED,
     .about = "The official agent's own container."},
    {.name = "ECS_AGENT_APPARMOR_PROFILE",
     .kind = CONFIG_UNUSED,
     .about = "The official agent's own container."},
    {.name = "ECS_AGENT_PID_NAMESPACE_HOST",
     .kind = CONFIG_UNUSED,
     .about = "The official agent's own container."},
    {.name = "ECS_AGENT_RUN_PRIVILEGED",
     .kind = CONFIG_UNUSED,
     .about = "The official agent's own container."},
    {.name = "ECS_AGENT_HEALTHCHECK_HOST",
     .kind = CONFIG_UNUSED,
     .about = "The official agent's own container."},
    {.name = "ECS_INIT_DOCKER_LOG_FILE_NUM",
     .kind = CONFIG_UNUSED,
     .about = "The official agent's own container."},
    {.name = "ECS_INIT_DOCKER_LOG_FILE_SIZE",
     .kind = CONFIG_UNUSED,
     .about = "The official agent's own container."},
    {.name = "ECS_SKIP_LOCALHOST_TRAFFIC_FILTER",
     .kind = CONFIG_UNUSED,
     .about = "Not needed: the endpoint for tasks has an address of its own."},
    {.name = "ECS_OFFHOST_INTROSPECTION_INTERFACE_NAME",
     .kind = CONFIG_UNUSED,
     .about = "Not needed: introspection listens on 127.0.0.1 alone."},
    {.name = "ECS_CNI_LOGLEVEL",
     .kind = CONFIG_UNUSED,
     .about = "Read by the official CNI plugins themselves."},
    {.name = "ECS_CNI_LOG_FILE",
     .kind = CONFIG_UNUSED,
     .about = "Read by the official CNI plugins themselves."},
};
const size_t config_setting_count = ARRAY_LEN(config_settings);

const struct config_setting *config_setting_find(const char *name)
{
    for (size_t i = 0; i < config_setting_count; i++)
        if (str_eq(config_settings[i].name, name))
            return &config_settings[i];
    return NULL;
}

/* ---- the page ---- */

static void add_duration(struct buf *page, int64_t ms)
{
    if (ms > 0 && ms % HOUR == 0)
        buf_printf(page, "`%" PRId64 "h`", ms / HOUR);
    else if (ms > 0 && ms % MINUTE == 0)
        buf_printf(page, "`%" PRId64 "m`", ms / MINUTE);
    else if (ms % SECOND == 0)
        buf_printf(page, "`%" PRId64 "s`", ms / SECOND);
    else
        buf_printf(page, "`%" PRId64 "ms`", ms);
}

static void add_number(struct buf *page, enum config_kind kind, int64_t number)
{
    if (kind == CONFIG_DURATION)
        add_duration(page, number);
    else
        buf_printf(page, "`%" PRId64 "`", number);
}

static void add_default(struct buf *page, const struct config_setting *setting)
{
    if (setting->shown) {
        buf_add_str(page, setting->shown);
        return;
    }
    switch (setting->kind) {
    case CONFIG_BOOL:
        buf_add_str(page, setting->fallback ? "`true`" : "`false`");
        return;
    case CONFIG_DURATION:
    case CONFIG_NUMBER:
        add_number(page, setting->kind, setting->fallback);
        return;
    case CONFIG_PORTS:
        buf_add_str(page, "`[]`");
        return;
    case CONFIG_MAP:
        buf_add_str(page, "`{}`");
        return;
    case CONFIG_TEXT:
    case CONFIG_TEXTS:
    case CONFIG_IMAGES:
    case CONFIG_OWN:
    case CONFIG_UNUSED:
        break;
    }
    if (setting->text_fallback)
        buf_printf(page, "`%s`", setting->text_fallback);
    else
        buf_add_str(page, setting->kind == CONFIG_TEXTS ? "`[]`" : "none");
}

static void add_bounds(struct buf *page, const struct config_setting *setting)
{
    bool is_bounded = setting->kind == CONFIG_DURATION || setting->kind == CONFIG_NUMBER;

    if (!is_bounded || (!setting->least && !setting->most))
        return;
    buf_add_str(page, " ");
    add_number(page, setting->kind, setting->least);
    if (setting->most) {
        buf_add_str(page, " to ");
        add_number(page, setting->kind, setting->most);
    } else {
        buf_add_str(page, " at least");
    }
    buf_add_str(page, setting->refusal == CONFIG_CLAMP ? "; the bound is taken" : "");
    buf_add_str(page, ".");
}

static const char *const kind_names[] = {
    [CONFIG_TEXT] = "text",       [CONFIG_BOOL] = "boolean",    [CONFIG_DURATION] = "duration",
    [CONFIG_NUMBER] = "number",   [CONFIG_PORTS] = "JSON list", [CONFIG_TEXTS] = "JSON list",
    [CONFIG_MAP] = "JSON object", [CONFIG_IMAGES] = "list",     [CONFIG_OWN] = "text",
    [CONFIG_UNUSED] = "not used",
};

static void add_row(struct buf *page, const struct config_setting *setting)
{
    buf_printf(page, "| `%s` | %s | %s%s%s | ", setting->name, kind_names[setting->kind],
               setting->json ? "`" : "", setting->json ? setting->json : "",
               setting->json ? "`" : "");
    add_default(page, setting);
    buf_printf(page, " | %s", setting->about);
    add_bounds(page, setting);
    buf_add_str(page, " |\n");
}

void config_table_write_page(struct buf *page)
{
    buf_add_str(
        page,
        "# The agent's settings\n\n"
        "`berth agent` reads what Amazon's agent reads. A flag of the command line beats the "
        "environment, which beats\n`/etc/ecs/ecs.config` (lines of `NAME=VALUE`, taken literally "
        "to "
        "the end of the line; flag `--config`), which beats\nthe JSON file of "
        "`ECS_AGENT_CONFIG_FILE_PATH`, which beats lines like the second's of flag `--defaults` "
        "(the systemd unit's are\n`packaging/agent.defaults`), which beat the default. An empty "
        "value "
        "counts as not set. Every setting but the address\nof the control plane is optional; "
        "unknown "
        "ones are ignored. A file that is there and cannot be read as text ends the\nagent.\n\n"
        "A value that cannot be read, or is out of its bounds, is logged and the default is taken, "
        "unless the table says\nthat the bound is, or that the agent ends. An agent that ends for "
        "its "
        "settings does so with exit code 5: starting\nit again would not help. Booleans are "
        "`true`, `false`, `1`, `0`, `t`, `f`; durations are Go's (`1h30m`, `250ms`; in\nthe JSON "
        "file nanoseconds).\n\nThis page is written from `src/agent/config/config_table.c`.\n");
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *setting = &config_settings[i];

        if (setting->heading)
            buf_printf(page,
                       "\n## %s\n\n| setting | kind | in the JSON file | default | what it does "
                       "|\n|---|---|---|---|---|\n",
                       setting->heading);
        add_row(page, setting);
    }
}
