#include "agent/endpoints/link_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

#define ANSWER_BYTES 16384

struct request {
    struct nlmsghdr head;
    struct ifaddrmsg address;
    char attributes[64];
};

static void add_attribute(struct request *request, unsigned short type, const void *data,
                          size_t len)
{
    struct rtattr *attribute =
        (struct rtattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(attribute), data, len);
    request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

static void fill_request(struct request *request, unsigned short type, unsigned short flags)
{
    *request = (struct request){
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                 .nlmsg_type = type,
                 .nlmsg_flags = NLM_F_REQUEST | flags},
        .address = {.ifa_family = AF_INET},
    };
}

static struct error *open_netlink(int *ret_fd)
{
    struct timeval deadline = {.tv_sec = 2}; /* the kernel answers at once */
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0)
        return error_errno(errno, "netlink cannot be opened");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    *ret_fd = fd;
    return NULL;
}

static struct error *send_request(int fd, const struct request *request)
{
    if (send(fd, request, request->head.nlmsg_len, 0) < 0)
        return error_errno(errno, "netlink takes no request");
    return NULL;
}

/* What the kernel says to a request with NLM_F_ACK; 0: done. */
static struct error *ask(const struct request *request, int *ret_errno)
{
    char answer[ANSWER_BYTES];
    struct error *err;
    ssize_t len = 0;
    int fd = -1;

    TRY(open_netlink(&fd));
    err = send_request(fd, request);
    if (!err) {
        len = recv(fd, answer, sizeof(answer), 0);
        if (len < 0)
            err = error_errno(errno, "netlink does not answer");
    }
    close(fd);
    TRY(err);
    for (struct nlmsghdr *head = (struct nlmsghdr *)answer; NLMSG_OK(head, len);
         head = NLMSG_NEXT(head, len)) {
        if (head->nlmsg_type != NLMSG_ERROR)
            continue;
        *ret_errno = -((struct nlmsgerr *)NLMSG_DATA(head))->error;
        return NULL;
    }
    return error_new(API_SERVER, "netlink's answer is none");
}

enum presence { ABSENT, OURS, FOREIGN };

static enum presence presence_of(struct nlmsghdr *head, const struct in_addr *wanted)
{
    struct ifaddrmsg *message = NLMSG_DATA(head);
    int left = (int)IFA_PAYLOAD(head);
    const char *label = "";
    bool is_it = false;

    for (struct rtattr *attribute = IFA_RTA(message); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type == IFA_LOCAL && RTA_PAYLOAD(attribute) == sizeof(*wanted))
            is_it = memcmp(RTA_DATA(attribute), wanted, sizeof(*wanted)) == 0;
        else if (attribute->rta_type == IFA_LABEL)
            label = RTA_DATA(attribute); /* the kernel ends it with a NUL */
    }
    if (!is_it)
        return ABSENT;
    return strcmp(label, LINK_ADDRESS_LABEL) == 0 ? OURS : FOREIGN;
}

/* Reads the kernel's list of addresses to its end. */
static struct error *read_list(int fd, const struct in_addr *wanted, enum presence *ret)
{
    char answer[ANSWER_BYTES];

    *ret = ABSENT;
    for (;;) {
        ssize_t len = recv(fd, answer, sizeof(answer), 0);

        if (len < 0)
            return error_errno(errno, "netlink does not list the addresses");
        for (struct nlmsghdr *head = (struct nlmsghdr *)answer; NLMSG_OK(head, len);
             head = NLMSG_NEXT(head, len)) {
            if (head->nlmsg_type == NLMSG_DONE)
                return NULL;
            if (head->nlmsg_type == NLMSG_ERROR)
                return error_new(API_SERVER, "netlink does not list the addresses");
            if (head->nlmsg_type == RTM_NEWADDR && *ret == ABSENT)
                *ret = presence_of(head, wanted);
        }
    }
}

static struct error *look_up(const struct in_addr *wanted, enum presence *ret)
{
    struct request request;
    struct error *err;
    int fd = -1;

    TRY(open_netlink(&fd));
    fill_request(&request, RTM_GETADDR, NLM_F_DUMP);
    err = send_request(fd, &request);
    if (!err)
        err = read_list(fd, wanted, ret);
    close(fd);
    return err;
}

static struct error *parse(const char *text, struct in_addr *ret)
{
    return inet_pton(AF_INET, text, ret) == 1
               ? NULL
               : error_new(API_INVALID_PARAMETER, "%s is not an IPv4 address", text);
}

static void fill_change(struct request *request, unsigned short type, unsigned short flags,
                        const struct in_addr *address)
{
    fill_request(request, type, NLM_F_ACK | flags);
    request->address.ifa_prefixlen = 32;
    request->address.ifa_scope = RT_SCOPE_HOST;
    request->address.ifa_index = if_nametoindex(LINK_ADDRESS_LINK);
    add_attribute(request, IFA_LOCAL, address, sizeof(*address));
    add_attribute(request, IFA_LABEL, LINK_ADDRESS_LABEL, sizeof(LINK_ADDRESS_LABEL));
}

struct error *link_address_add(const char *text, bool *ret_is_new)
{
    enum presence presence;
    struct request request;
    struct in_addr address;
    int code = 0;

    TRY(parse(text, &address));
    TRY(look_up(&address, &presence));
    *ret_is_new = presence == ABSENT;
    if (presence == OURS)
        return NULL;
    if (presence == FOREIGN)
        return error_new(API_CLIENT, "the address %s is on this host already, and not ours", text);
    fill_change(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &address);
    TRY(ask(&request, &code));
    if (code == EPERM)
        return error_new(API_ACCESS_DENIED,
                         "the address %s cannot be put on a link without CAP_NET_ADMIN", text);
    return code ? error_errno(code, "the address %s cannot be put on " LINK_ADDRESS_LINK, text)
                : NULL;
}

struct error *link_address_remove(const char *text)
{
    struct request request;
    struct in_addr address;
    int code = 0;

    TRY(parse(text, &address));
    fill_change(&request, RTM_DELADDR, 0, &address);
    TRY(ask(&request, &code));
    if (code && code != EADDRNOTAVAIL)
        return error_errno(code, "the address %s stays on " LINK_ADDRESS_LINK, text);
    return NULL;
}
