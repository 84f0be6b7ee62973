/* A custom handler: an HTTP server on FUNCTIONS_CUSTOMHANDLER_PORT with one path per function.
 *
 * The host posts {"Data": {input: value, ...}, "Metadata": {...}} to /FUNCTION and reads
 * {"Outputs": {output: value, ...}, "Logs": [...]} from the answer.
 *
 * Build: cc -O2 -Wall -Wextra -o handler handler.c
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1 << 20 }; /* The largest request, in bytes. */

/* -- the little JSON that is needed: find a member, take a string apart ------------------------- */

static const char *blanks(const char *at) {
    while (*at && isspace((unsigned char)*at)) at++;
    return at;
}

/* The place behind the value at `at`, or NULL when it is cut off. */
static const char *behind(const char *at) {
    int depth = 0;
    do {
        if (*at == '"') {
            for (at++; *at && *at != '"'; at++)
                if (*at == '\\' && at[1]) at++;
            if (!*at) return NULL;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            depth--;
        } else if (!depth) { /* A number, true, false or null. */
            while (isalnum((unsigned char)*at) || (*at && strchr("+-.", *at))) at++;
            return at;
        } else if (!*at) {
            return NULL;
        }
        at++;
    } while (depth);
    return at;
}

/* The value of a member of the object at `at`, or NULL. */
static const char *member(const char *at, const char *name) {
    size_t length = strlen(name);
    if (!at || *(at = blanks(at)) != '{') return NULL;
    for (at = blanks(at + 1); *at == '"';) {
        const char *end = behind(at);
        if (!end || *(blanks(end)) != ':') return NULL;
        const char *value = blanks(blanks(end) + 1);
        if ((size_t)(end - at) == length + 2 && !strncmp(at + 1, name, length)) return value;
        if (!(at = behind(value))) return NULL;
        at = blanks(at);
        if (*at == ',') at = blanks(at + 1);
    }
    return NULL;
}

/* The text of the JSON string at `at`, to be freed; "" when there is none. */
static char *text(const char *at) {
    char *made = calloc(1, at ? strlen(at) + 1 : 1), *to = made;
    if (!made) exit(1);
    if (!at || *at++ != '"') return made;
    for (; *at && *at != '"'; at++) {
        if (*at != '\\') {
            *to++ = *at;
        } else if (*++at == 'u') {
            unsigned code = 0;
            if (sscanf(at + 1, "%4x", &code) != 1) break;
            if (code < 0x80) {
                *to++ = (char)code;
            } else { /* Leave it escaped: it stands in another JSON string. */
                to += sprintf(to, "\\u%04x", code);
            }
            at += 4;
        } else {
            const char *from = "nrtbf", *found = strchr(from, *at);
            *to++ = found && *at ? "\n\r\t\b\f"[found - from] : *at;
        }
    }
    return made;
}

/* -- the functions: each writes the body of its answer ------------------------------------------ */

static void negotiate(const char *data, FILE *out) {
    /* An input that is text arrives as a JSON string in a JSON string: one may go on as it is. */
    char *info = text(member(data, "connectionInfo"));
    fprintf(out,
            "{\"Outputs\": {\"res\": {\"headers\": {\"Content-Type\": \"application/json\"},"
            " \"body\": %s}}}",
            *info ? info : "\"\"");
    free(info);
}

static void broadcast(const char *data, FILE *out) {
    char *body = text(member(member(data, "req"), "Body"));
    const char *end = behind(blanks(body));
    if (*body != '{' || !end || *blanks(end)) {
        fputs("{\"Outputs\": {\"res\": {\"statusCode\": 400,"
              " \"body\": \"post an object, such as {\\\"text\\\": \\\"hello\\\"}\"}}}", out);
    } else {
        fprintf(out,
                "{\"Outputs\": {\"res\": {\"statusCode\": 202, \"body\": \"\"}, \"signalRMessages\":"
                " {\"target\": \"newMessage\", \"arguments\": [%s]}},"
                " \"Logs\": [\"told everybody, in %zu bytes\"]}",
                body, strlen(body));
    }
    free(body);
}

static const struct {
    const char *path;
    void (*run)(const char *data, FILE *out);
} FUNCTIONS[] = {{"/negotiate", negotiate}, {"/broadcast", broadcast}};

/* -- HTTP ---------------------------------------------------------------------------------------- */

static void answer(int client, const char *status, const char *body, size_t length) {
    dprintf(client,
            "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
            "Connection: close\r\n\r\n",
            status, length);
    for (ssize_t sent; length && (sent = write(client, body, length)) > 0; body += sent)
        length -= (size_t)sent;
}

/* Reads one request into `request` and gives its body, or NULL. */
static const char *receive(int client, char *request) {
    size_t have = 0, want = MOST;
    const char *body = NULL;
    for (ssize_t got; have < want && (got = read(client, request + have, want - have)) > 0;) {
        request[have += (size_t)got] = 0;
        if (!body && (body = strstr(request, "\r\n\r\n"))) {
            body += 4;
            want = (size_t)(body - request);
            for (const char *line = request; line < body; line = strchr(line, '\n') + 1)
                if (!strncasecmp(line, "content-length:", 15)) want += strtoul(line + 15, NULL, 10);
            if (want > MOST) return NULL;
        }
    }
    return body && have == want ? body : NULL;
}

static void serve(int client, char *request) {
    const char *body = receive(client, request);
    if (!body) return; /* The host also connects only to see whether somebody listens. */
    for (size_t at = 0; at < sizeof FUNCTIONS / sizeof *FUNCTIONS; at++) {
        size_t length = strlen(FUNCTIONS[at].path);
        if (strncmp(request, "POST ", 5) || strncmp(request + 5, FUNCTIONS[at].path, length) ||
            request[5 + length] != ' ')
            continue;
        char *made = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&made, &size);
        if (!out) exit(1);
        FUNCTIONS[at].run(member(body, "Data"), out);
        fclose(out);
        answer(client, "200 OK", made, size);
        free(made);
        return;
    }
    answer(client, "404 Not Found", "", 0);
}

int main(void) {
    const char *port = getenv("FUNCTIONS_CUSTOMHANDLER_PORT");
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port ? port : "8080")),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    char *request = malloc(MOST + 1);
    signal(SIGPIPE, SIG_IGN);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!request || bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 64)) {
        perror("handler");
        return 1;
    }
    for (;;) { /* One request at a time, which is enough for a sample. */
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        serve(client, request);
        close(client);
    }
}
