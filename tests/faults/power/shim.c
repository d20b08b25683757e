/* What a power cut leaves: bytes survive only if they were synced, names only if their folder was.
 *
 * Preloaded into the process under test. After each fsync or fdatasync of a file below POWER_DIR its content is
 * copied to POWER_DISK/inodes/<inode>; after a sync of a folder its list of names (kind, inode, name) is written to
 * POWER_DISK/folders/<inode>. Whoever kills the process builds the folders again from these two, from the top: everything else is gone.
 * Pessimistic: a real disk may have kept more, never less (if it does not lie about having synced).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int below(int fd, char *path) {
  const char *dir = getenv("POWER_DIR");
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, PATH_MAX - 1);
  if (!dir || size < 0) return 0;
  path[size] = 0;
  return strncmp(path, dir, strlen(dir)) == 0;
}

/* A file that is whole or not there: the process may be killed in the middle of this, too. */
static void become(const char *beside, const char *name) { rename(beside, name); }

static void keep_content(int fd, const struct stat *is) {
  char name[PATH_MAX], beside[PATH_MAX], path[64];
  static char block[1 << 16];
  snprintf(name, sizeof name, "%s/inodes/%llu", getenv("POWER_DISK"), (unsigned long long)is->st_ino);
  snprintf(beside, sizeof beside, "%s.part%d", name, (int)gettid());
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int from = open(path, O_RDONLY | O_CLOEXEC), to = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (from >= 0 && to >= 0) {
    ssize_t size;
    while ((size = read(from, block, sizeof block)) > 0)
      if (write(to, block, (size_t)size) != size) abort();
    become(beside, name);
  }
  if (from >= 0) close(from);
  if (to >= 0) close(to);
}

static void keep_names(const char *folder, const struct stat *is) {
  char name[PATH_MAX], beside[PATH_MAX];
  snprintf(name, sizeof name, "%s/folders/%llu", getenv("POWER_DISK"), (unsigned long long)is->st_ino);
  snprintf(beside, sizeof beside, "%s.part%d", name, (int)gettid());
  DIR *list = opendir(folder);
  FILE *to = fopen(beside, "we");
  if (list && to) {
    struct dirent *one;
    while ((one = readdir(list)))
      if (one->d_name[0] != '.' || (one->d_name[1] && one->d_name[1] != '.'))
        fprintf(to, "%c %llu %s\n", one->d_type == DT_DIR ? 'd' : 'f', (unsigned long long)one->d_ino, one->d_name);
    fflush(to);
    become(beside, name);
  }
  if (list) closedir(list);
  if (to) fclose(to);
}

static int synced(int fd, int result) {
  char path[PATH_MAX];
  struct stat is;
  if (result == 0 && below(fd, path) && fstat(fd, &is) == 0) {
    if (S_ISDIR(is.st_mode)) keep_names(path, &is);
    else keep_content(fd, &is);
  }
  return result;
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return synced(fd, real(fd));
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return synced(fd, real(fd));
}
