package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.trireme.coordinator.JobService;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeadlinesTest {
  @TempDir Path directory;

  /** The JDK's servers read them when the first is made, for all of this process. */
  @BeforeAll
  static void setDeadlines() {
    Http.setDeadlines();
  }

  /** Each leaves the next one some seconds for the way, and for a request's turn. */
  @Test
  void shouldHaveThoseWhoWorkGiveUpFirstAndTheServerLast() {
    Duration some = Duration.ofSeconds(10);
    Duration file = Deadlines.lastPiece(Deadlines.ANSWER, FileStore.MAX_FILE);
    assertThat(Deadlines.ANSWER)
        .isGreaterThanOrEqualTo(Duration.ofSeconds(JobService.TIMEOUT_SECONDS).plus(some));
    assertThat(Deadlines.PROBE)
        .isGreaterThanOrEqualTo(Duration.ofSeconds(JobService.PROBE_SECONDS).plus(some));
    assertThat(file).isGreaterThan(Duration.ofMinutes(3));

    Duration cutOff = Duration.ofSeconds(Long.getLong("sun.net.httpserver.maxRspTime"));
    assertThat(cutOff)
        .isGreaterThanOrEqualTo(Deadlines.PROBE.plus(some))
        .isGreaterThanOrEqualTo(file.plus(some));
  }

  /** All of a file is forced and hashed with its last piece. */
  @Test
  void shouldWaitLongerForTheLastPieceOfALargeFile() throws Exception {
    Path large = directory.resolve("large.pt");
    try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
      file.setLength(100_000_000);
    }
    Duration answer = Duration.ofMillis(500);
    Duration hashing = Duration.ofSeconds(1);
    HttpServer slow =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
    ExecutorService threads = Executors.newFixedThreadPool(8);
    slow.setExecutor(threads);
    slow.createContext(
        "/",
        exchange -> {
          try (exchange) {
            long taken = exchange.getRequestBody().transferTo(OutputStream.nullOutputStream());
            Map<String, String> query = Http.query(exchange);
            if (exchange.getRequestMethod().equals("GET")) {
              Http.answer(exchange, 404, Http.error("not there yet"));
            } else if (Http.number(query, "offset") + taken < Http.number(query, "size")) {
              Http.answer(exchange, 200, new byte[] {'{', '}'});
            } else {
              Thread.sleep(hashing.toMillis()); // the slow server itself, and no wait for it
              Http.answer(exchange, 200, "{\"path\": \"/there\"}".getBytes(StandardCharsets.UTF_8));
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    slow.start();
    try {
      ApiClient client =
          ApiClient.of(
              List.of("127.0.0.1:" + slow.getAddress().getPort()),
              Optional.empty(),
              "token",
              Duration.ofSeconds(5),
              Duration.ofSeconds(5),
              answer);
      assertThat(client.ship(large)).isEqualTo("/there");
    } finally {
      slow.stop(0);
      threads.shutdownNow();
    }
  }
}
