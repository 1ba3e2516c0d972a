// Goroutines, children, sockets, timers, files.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Sum adds on many goroutines.
func Sum(n int) int {
	var group sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for i := 1; i <= n; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			runtime.LockOSThread()
			lock.Lock()
			defer lock.Unlock()
			sum += i
		}(i)
	}
	group.Wait()
	return sum
}

func main() {
	fmt.Println("sum", Sum(100))
	said, err := exec.Command("sh", "-c", "echo child; exit 3").Output()
	fmt.Printf("child %q %v\n", said, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	fmt.Println("timeout", exec.CommandContext(ctx, "sleep", "100").Run())
	command := exec.Command("sh", "-c", "ps -o pgid= -p $$ >/dev/null; exit 0")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	fmt.Println("group", command.Run())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		peer, _ := listener.Accept()
		io.WriteString(peer, "over tcp")
		peer.Close()
	}()
	peer, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(peer)
	fmt.Println("tcp", string(body))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println("signal", <-signals)
	me, err := user.Current()
	fmt.Println("user", me.Username, me.HomeDir, err)
	interfaces, err := net.Interfaces()
	fmt.Println("interfaces", len(interfaces) > 0, err)
	runtime.GC()
}
