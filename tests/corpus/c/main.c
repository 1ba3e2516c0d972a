/* Threads, a barrier, atomics, a condition variable, signals and a child: what C programs do all day. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 16, ROUNDS = 10000 };
static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long counted;
static long guarded;
static volatile sig_atomic_t caught;
extern char **environ;

static void *work(void *unused) {
  (void)unused;
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < ROUNDS; i++) {
    atomic_fetch_add(&counted, 1);
    pthread_mutex_lock(&lock);
    guarded++;
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void on_signal(int number) { caught = number; }

int main(void) {
  pthread_t threads[THREADS];
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, NULL)) return 1;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  printf("threads: %ld %ld\n", atomic_load(&counted), guarded);

  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  printf("signal: %s\n", strsignal(caught));
  raise(SIGUSR1);
  kill(getpid(), SIGUSR1);

  pid_t child;
  char *argv[] = {"sh", "-c", "exit 7", NULL};
  int status = 0;
  if (posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environ)) return 2;
  waitpid(child, &status, 0);
  printf("posix_spawn: %d\n", WEXITSTATUS(status));
  printf("system: %d\n", WEXITSTATUS(system("exit 3")));
  FILE *pipe = popen("echo from a pipe", "r");
  char line[64] = "";
  if (!fgets(line, sizeof line, pipe)) return 3;
  pclose(pipe);
  printf("popen: %s", line);

  child = fork();
  if (child == 0) abort();
  waitpid(child, &status, 0);
  printf("abort: signal %d\n", WTERMSIG(status));
  char *large = malloc(200 << 20);
  memset(large, 1, 200 << 20);
  printf("memory: %d\n", large[123456789]);
  free(large);
  return 0;
}
