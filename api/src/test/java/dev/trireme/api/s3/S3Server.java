package dev.trireme.api.s3;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An S3-compatible server (S3Mock) in a process of its own, on loopback, with its files in a
 * directory of the test's. It takes any credentials.
 */
public final class S3Server implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofMinutes(1);
  private static final Pattern STARTED = Pattern.compile("started on ports? .*?(\\d+) \\(http\\)");

  private final Process process;
  private final String endpoint;

  private S3Server(Process process, String endpoint) {
    this.process = process;
    this.endpoint = endpoint;
  }

  /**
   * Starts one and waits until it answers.
   *
   * @param directory for its files
   */
  public static S3Server start(Path directory) throws IOException {
    // Tests run in the directory of their module.
    Path jars = Path.of("..", "s3-server", "target", "lib").toAbsolutePath().normalize();
    if (!Files.isDirectory(jars)) {
      throw new IOException(jars + " is not there: build the module s3-server first");
    }
    Path root = Files.createDirectories(directory.resolve("s3"));
    Path log = directory.resolve("s3.log");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dcom.adobe.testing.s3mock.httpPort=0",
                "-Dcom.adobe.testing.s3mock.store.root=" + root,
                "-Dserver.port=0",
                "-Dserver.tomcat.max-swallow-size=-1",
                "-cp",
                jars + "/*",
                "com.adobe.testing.s3mock.S3MockApplication")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      return new S3Server(process, "http://127.0.0.1:" + port(process, log));
    } catch (IOException | RuntimeException e) {
      process.destroyForcibly();
      throw e;
    }
  }

  private static String port(Process process, Path log) throws IOException {
    long end = System.nanoTime() + DEADLINE.toNanos();
    while (System.nanoTime() < end && process.isAlive()) {
      Matcher matcher = STARTED.matcher(Files.readString(log));
      if (matcher.find()) {
        return matcher.group(1);
      }
      LockSupport.parkNanos(20_000_000);
    }
    throw new IOException("no object store came up; it said:\n" + Files.readString(log));
  }

  /** As {@code http://127.0.0.1:9000}. */
  public String endpoint() {
    return endpoint;
  }

  /** Makes a bucket. */
  public void makeBucket(String name) throws IOException, InterruptedException {
    ask("PUT", "/" + name, 200);
  }

  /** What stands under an address below the endpoint: a file, or a listing as XML. */
  public String get(String path) throws IOException, InterruptedException {
    return ask("GET", path, 200);
  }

  /** Sends a request as it is and returns the answer's body. */
  public String ask(String method, String path, int expected)
      throws IOException, InterruptedException {
    HttpResponse<String> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(URI.create(endpoint + path))
                    .timeout(DEADLINE)
                    .method(method, HttpRequest.BodyPublishers.noBody())
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != expected) {
      throw new IOException(method + " " + path + ": " + answer.statusCode() + answer.body());
    }
    return answer.body();
  }

  /** Ends it and waits until it is gone. */
  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
