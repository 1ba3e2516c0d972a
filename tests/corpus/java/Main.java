import java.net.*;
import java.net.http.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

/** Threads, collectors, children, sockets, mapped files, watched directories. */
public class Main {
  public static void main(String[] arguments) throws Exception {
    var pool = Executors.newFixedThreadPool(8);
    var counted = new AtomicLong();
    for (int i = 0; i < 1000; i++) pool.submit(() -> counted.incrementAndGet());
    pool.shutdown();
    pool.awaitTermination(30, TimeUnit.SECONDS);
    System.out.println("threads " + counted);
    List<byte[]> kept = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      kept.add(new byte[50_000]);
      if (kept.size() > 100) kept.clear();
    }
    System.gc();
    System.out.println("memory " + kept.isEmpty());
    System.out.println("stream " + java.util.stream.LongStream.range(0, 1_000_000).parallel().sum());
    var child = new ProcessBuilder("sh", "-c", "cat; exit 4").start();
    child.getOutputStream().write("through a child".getBytes());
    child.getOutputStream().close();
    System.out.println("child " + new String(child.getInputStream().readAllBytes()) + " " + child.waitFor());
    try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      var client = CompletableFuture.supplyAsync(() -> {
        try (var socket = new Socket(server.getInetAddress(), server.getLocalPort())) {
          return new String(socket.getInputStream().readAllBytes());
        } catch (Exception error) { return error.toString(); }
      });
      try (var socket = server.accept()) { socket.getOutputStream().write("over tcp".getBytes()); }
      System.out.println("socket " + client.get());
    }
    var file = Files.createTempFile("corpus", "");
    try (var channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      var mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, 4096);
      mapped.put(0, (byte) 42);
      mapped.force();
      System.out.println("lock " + channel.lock().isValid() + " " + Files.readAllBytes(file)[0]);
    }
    var directory = Files.createTempDirectory("corpus");
    try (var watcher = FileSystems.getDefault().newWatchService()) {
      directory.register(watcher, StandardWatchEventKinds.ENTRY_CREATE);
      Files.createFile(directory.resolve("made"));
      System.out.println("watch " + watcher.poll(10, TimeUnit.SECONDS).pollEvents().get(0).context());
    }
    System.out.println("user " + System.getProperty("user.name") + " " + System.getProperty("user.home"));
    System.out.println("processors " + (Runtime.getRuntime().availableProcessors() > 0));
    System.out.println("me " + ProcessHandle.current().isAlive());
  }
}
