/* POSIX and System V message queues, shared memory and semaphores, between two processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(what) do { if ((what) == (__typeof__(what))-1) { printf("%s: %s\n", #what, strerror(errno)); return 1; } } while (0)

static int posix_queue(void) {
  struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
  mqd_t queue;
  TRY(queue = mq_open("/corpus", O_CREAT | O_EXCL | O_RDWR, 0600, &attr));
  if (fork() == 0) _exit(mq_send(queue, "through a queue", 16, 3) != 0);
  char text[64];
  unsigned priority;
  TRY(mq_receive(queue, text, sizeof text, &priority));
  printf("mq: %s, priority %u\n", text, priority);
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  TRY(mq_notify(queue, &event));
  TRY(mq_unlink("/corpus"));
  return wait(NULL) < 0;
}

static int posix_memory(void) {
  int fd;
  TRY(fd = shm_open("/corpus", O_CREAT | O_EXCL | O_RDWR, 0600));
  TRY(ftruncate(fd, 1 << 20));
  int *shared = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  sem_t *semaphore = sem_open("/corpus", O_CREAT | O_EXCL, 0600, 0);
  if (semaphore == SEM_FAILED) return printf("sem_open: %s\n", strerror(errno));
  if (fork() == 0) { shared[1000] = 42; sem_post(semaphore); _exit(0); }
  TRY(sem_wait(semaphore));
  printf("shm: %d\n", shared[1000]);
  TRY(sem_unlink("/corpus"));
  TRY(shm_unlink("/corpus"));
  return wait(NULL) < 0;
}

static int system_v(void) {
  int memory, semaphores, queue;
  TRY(memory = shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600));
  int *shared;
  TRY(shared = shmat(memory, NULL, 0));
  TRY(semaphores = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600));
  TRY(queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  if (fork() == 0) {
    struct { long type; char text[16]; } message = {7, "a message"};
    shared[5] = 43;
    struct sembuf up = {.sem_op = 1};
    _exit(semop(semaphores, &up, 1) || msgsnd(queue, &message, sizeof message.text, 0));
  }
  struct sembuf down = {.sem_op = -1};
  struct timespec limit = {.tv_sec = 10};
  TRY(semtimedop(semaphores, &down, 1, &limit));
  struct { long type; char text[16]; } message;
  TRY(msgrcv(queue, &message, sizeof message.text, 7, 0));
  printf("sysv: %d %s\n", shared[5], message.text);
  TRY(shmctl(memory, IPC_RMID, NULL));
  TRY(semctl(semaphores, 0, IPC_RMID));
  TRY(msgctl(queue, IPC_RMID, NULL));
  return wait(NULL) < 0;
}

static int robust_mutex(void) {
  pthread_mutex_t *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attr;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(lock, &attr);
  if (fork() == 0) { pthread_mutex_lock(lock); _exit(0); }
  wait(NULL);
  printf("robust mutex: %s\n", strerror(pthread_mutex_lock(lock)));
  return 0;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  return posix_queue() | posix_memory() | system_v() | robust_mutex();
}
