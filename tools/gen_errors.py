#!/usr/bin/env python3
"""Makes api_error.h and api_error.c: every error code of the models in api/.

usage: gen_errors.py MODEL... OUTDIR
"""

import os
import sys

import model


def collect(models):
    """code -> (http, common): common ones may answer any operation."""
    errors = {}
    for source in models:
        for part, common in (("errors", False), ("protocolErrors", True)):
            for code, facts in source.get(part, {}).items():
                known = errors.get(code)
                if known and known[0] != facts["http"]:
                    raise model.ModelError("%s has two HTTP statuses" % code)
                errors[code] = (facts["http"], common or bool(known and known[1]))
    if "ServerException" not in errors:
        raise model.ModelError("no model has ServerException")
    return errors


def ordered(errors):
    """ServerException first: what is zero is a fault of our own."""
    return ["ServerException"] + sorted(code for code in errors if code != "ServerException")


def header(errors):
    lines = [
        "/* Made by tools/gen_errors.py from the models in api/. */",
        "#ifndef BERTH_GEN_API_ERROR_H",
        "#define BERTH_GEN_API_ERROR_H",
        "",
        "#include <stdbool.h>",
        "",
        "enum api_error {",
    ]
    lines += ["    %s,%s" % (model.error_constant(code),
                             " /* a fault of our own */" if code == "ServerException" else "")
              for code in ordered(errors)]
    lines += [
        "    API_ERROR_COUNT",
        "};",
        "",
        "const char *api_error_name(enum api_error code); /* \"ClientException\" */",
        "int api_error_http_status(enum api_error code);",
        "/* May answer any operation: the protocol's own errors (API-003, API-020 to API-023). */",
        "bool api_error_is_common(enum api_error code);",
        "/* The code in an answer, with or without a namespace before '#' or a ':' suffix. */",
        "bool api_error_parse(const char *name, enum api_error *ret);",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def source(errors):
    lines = [
        "/* Made by tools/gen_errors.py from the models in api/. */",
        '#include "gen/api_error.h"',
        "",
        "#include <string.h>",
        "",
        "static const struct {",
        "    const char *name;",
        "    int http_status;",
        "    bool is_common;",
        "} errors[API_ERROR_COUNT] = {",
    ]
    for code in ordered(errors):
        http, common = errors[code]
        lines.append("    [%s] = {%s, %d, %s}," % (model.error_constant(code), model.c_string(code),
                                                 http, "true" if common else "false"))
    lines += [
        "};",
        "",
        "const char *api_error_name(enum api_error code)",
        "{",
        "    return errors[code].name;",
        "}",
        "",
        "int api_error_http_status(enum api_error code)",
        "{",
        "    return errors[code].http_status;",
        "}",
        "",
        "bool api_error_is_common(enum api_error code)",
        "{",
        "    return errors[code].is_common;",
        "}",
        "",
        "bool api_error_parse(const char *name, enum api_error *ret)",
        "{",
        "    const char *hash = strchr(name, '#');",
        "    size_t len;",
        "",
        "    if (hash)",
        "        name = hash + 1;",
        "    len = strcspn(name, \":\");",
        "    for (int i = 0; i < API_ERROR_COUNT; i++)",
        "        if (!strncmp(errors[i].name, name, len) && !errors[i].name[len]) {",
        "            *ret = (enum api_error)i;",
        "            return true;",
        "        }",
        "    return false;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def main(argv):
    outdir = argv[-1]
    errors = collect([model.load(path) for path in argv[:-1]])
    for name, text in (("api_error.h", header(errors)), ("api_error.c", source(errors))):
        with open(os.path.join(outdir, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
