/* Answers the JPEG encodings that Helios asks for with raw frames in shared memory.

   Preloaded into a Chromium that links libjpeg dynamically. The file that HELIOS_RAW_FRAMES_FILE
   names is mapped when a process starts, before its sandbox closes. It holds a request (struct
   request), and from FRAME_OFFSET on the frame: planes Y, U and V of 8 bits (I420), BT.709, limited
   range. An encoding that answers the request converts the picture's rows to these planes and
   gives the request's token in place of a JPEG. All other encodings are libjpeg's.

   In the browser's process only DevTools encodes pictures, so that a request is enough. In other
   processes a page's scripts encode, too: an encoding answers there only if its thread has just
   encoded the request's key, as a picture of KEY_PIXELS x 1. A request is answered once. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#define FRAME_OFFSET 4096
#define KEY_PIXELS 8
#define MAX_SIDE 16384

/* What Python writes (memory.py). A token of zeros means that nothing is requested. */
struct request {
    uint8_t key[KEY_PIXELS * 3]; /* RGB */
    uint8_t token[16];
    uint32_t width, height; /* in pixels, even */
};

/* The encoding of a thread that answers a request. */
struct answer {
    j_compress_ptr encoder; /* NULL if there is none */
    uint8_t token[16];
    uint32_t *row; /* the last even row */
    int keyed;     /* whether the thread has just encoded the key */
};

static struct request *request;
static size_t file_size;
static int is_browser;
static __thread struct answer answer;

static void (*next_start)(j_compress_ptr, boolean);
static JDIMENSION (*next_write)(j_compress_ptr, JSAMPARRAY, JDIMENSION);
static void (*next_marker)(j_compress_ptr, int, const JOCTET *, unsigned int);
static void (*next_finish)(j_compress_ptr);

/* Whether this is the browser's own process: the others have a type. */
static int has_no_type(void) {
    char line[1 << 16];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0) close(fd);
    if (size <= 0) return 0;
    line[size] = 0;
    for (char *word = line; word < line + size; word += strlen(word) + 1)
        if (strncmp(word, "--type=", 7) == 0) return 0;
    return 1;
}

__attribute__((constructor)) static void load(void) {
    next_start = dlsym(RTLD_NEXT, "jpeg_start_compress");
    next_write = dlsym(RTLD_NEXT, "jpeg_write_scanlines");
    next_marker = dlsym(RTLD_NEXT, "jpeg_write_marker");
    next_finish = dlsym(RTLD_NEXT, "jpeg_finish_compress");
    const char *path = getenv("HELIOS_RAW_FRAMES_FILE");
    if (!path || !next_start || !next_write || !next_marker || !next_finish) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_size > FRAME_OFFSET) {
        void *memory =
            mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) {
            file_size = status.st_size;
            is_browser = has_no_type();
            request = memory;
        }
    }
    close(fd);
}

/* --- colours ---------------------------------------------------------------------------------- */

/* Where a pixel's red, green and blue are, as shifts of a little-endian word. */
struct order {
    int red, green, blue;
};

static int order_of(j_compress_ptr encoder, struct order *order) {
    if (encoder->input_components != 4) return 0;
    switch (encoder->in_color_space) {
    case JCS_EXT_RGBX:
    case JCS_EXT_RGBA:
        *order = (struct order){0, 8, 16};
        return 1;
    case JCS_EXT_BGRX:
    case JCS_EXT_BGRA:
        *order = (struct order){16, 8, 0};
        return 1;
    default:
        return 0;
    }
}

#if defined(__x86_64__)
#define VECTORS __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define VECTORS __attribute__((optimize("O3")))
#endif

/* Coefficients of BT.709 (Kr = 0.2126, Kb = 0.0722), times 2^16, for 219 and 224 levels. */
VECTORS static void to_luma(const uint32_t *row, uint8_t *luma, int width, struct order order) {
    for (int x = 0; x < width; x++) {
        int32_t red = row[x] >> order.red & 255, green = row[x] >> order.green & 255,
                blue = row[x] >> order.blue & 255;
        luma[x] = (11966 * red + 40254 * green + 4064 * blue + (16 << 16) + (1 << 15)) >> 16;
    }
}

/* A sample of chroma is that of the mean of four pixels. */
VECTORS static void to_chroma(const uint32_t *upper, const uint32_t *lower, uint8_t *u, uint8_t *v,
                              int width, struct order order) {
    for (int x = 0; x < width; x++) {
        uint32_t a = upper[2 * x], b = upper[2 * x + 1], c = lower[2 * x], d = lower[2 * x + 1];
        int32_t red = (a >> order.red & 255) + (b >> order.red & 255) + (c >> order.red & 255) +
                      (d >> order.red & 255);
        int32_t green = (a >> order.green & 255) + (b >> order.green & 255) +
                        (c >> order.green & 255) + (d >> order.green & 255);
        int32_t blue = (a >> order.blue & 255) + (b >> order.blue & 255) +
                       (c >> order.blue & 255) + (d >> order.blue & 255);
        u[x] = (-6596 * red - 22188 * green + 28784 * blue + (128 << 18) + (1 << 17)) >> 18;
        v[x] = (28784 * red - 26145 * green - 2639 * blue + (128 << 18) + (1 << 17)) >> 18;
    }
}

static void convert(j_compress_ptr encoder, const uint32_t *row) {
    size_t width = encoder->image_width, height = encoder->image_height;
    size_t y = encoder->next_scanline;
    struct order order;
    if (!order_of(encoder, &order)) return;
    uint8_t *luma = (uint8_t *)request + FRAME_OFFSET;
    to_luma(row, luma + y * width, width, order);
    if (y % 2 == 0) {
        memcpy(answer.row, row, width * 4); /* the caller may reuse its own */
        return;
    }
    uint8_t *u = luma + width * height + y / 2 * (width / 2);
    to_chroma(answer.row, row, u, u + width * height / 4, width / 2, order);
}

/* --- encodings -------------------------------------------------------------------------------- */

/* Whether this encoding answers a request; the request is then done. */
static int takes_request(j_compress_ptr encoder) {
    static const uint8_t none[sizeof request->token];
    struct order order;
    size_t width = encoder->image_width, height = encoder->image_height;
    int may = is_browser || answer.keyed;
    answer.keyed = 0;
    if (!may || memcmp(request->token, none, sizeof none) == 0) return 0;
    if (width != request->width || height != request->height || width % 2 || height % 2) return 0;
    if (width > MAX_SIDE || height > MAX_SIDE || !order_of(encoder, &order)) return 0;
    if (FRAME_OFFSET + width * height * 3 / 2 > file_size) return 0;
    free(answer.row);
    answer.row = malloc(width * 4);
    if (!answer.row) return 0;
    memcpy(answer.token, request->token, sizeof answer.token);
    memset(request->token, 0, sizeof request->token);
    return 1;
}

static int is_key(j_compress_ptr encoder, const uint32_t *row) {
    struct order order;
    if (encoder->image_width != KEY_PIXELS || encoder->image_height != 1) return 0;
    if (!order_of(encoder, &order)) return 0;
    for (int x = 0; x < KEY_PIXELS; x++) {
        const uint8_t *key = request->key + 3 * x;
        uint32_t pixel =
            (uint32_t)key[0] << order.red | (uint32_t)key[1] << order.green | (uint32_t)key[2] << order.blue;
        if ((row[x] ^ pixel) & 0xffffff) return 0;
    }
    return 1;
}

void jpeg_start_compress(j_compress_ptr encoder, boolean write_all_tables) {
    answer.encoder = request && takes_request(encoder) ? encoder : NULL;
    if (answer.encoder)
        encoder->next_scanline = 0;
    else
        next_start(encoder, write_all_tables);
}

JDIMENSION jpeg_write_scanlines(j_compress_ptr encoder, JSAMPARRAY rows, JDIMENSION count) {
    if (encoder != answer.encoder) {
        if (request && count) answer.keyed = is_key(encoder, (const uint32_t *)rows[0]);
        return next_write(encoder, rows, count);
    }
    JDIMENSION done = 0;
    for (; done < count && encoder->next_scanline < encoder->image_height; done++) {
        convert(encoder, (const uint32_t *)rows[done]);
        encoder->next_scanline++;
    }
    return done;
}

void jpeg_write_marker(j_compress_ptr encoder, int marker, const JOCTET *data, unsigned int size) {
    if (encoder != answer.encoder) next_marker(encoder, marker, data, size);
}

void jpeg_finish_compress(j_compress_ptr encoder) {
    if (encoder != answer.encoder) {
        next_finish(encoder);
        return;
    }
    struct jpeg_destination_mgr *output = encoder->dest;
    output->init_destination(encoder);
    for (size_t n = 0; n < sizeof answer.token; n++) {
        *output->next_output_byte++ = answer.token[n];
        if (--output->free_in_buffer == 0) output->empty_output_buffer(encoder);
    }
    output->term_destination(encoder);
    free(answer.row);
    answer.row = NULL;
    answer.encoder = NULL;
}
