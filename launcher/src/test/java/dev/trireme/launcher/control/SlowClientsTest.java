package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.coordinator.JobService;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who does not finish a request, or takes long to be answered, holds up nobody else for long. */
@Timeout(60)
class SlowClientsTest {
  private static final String TOKEN = "0123456789abcdef0123456789abcdef";
  private static final InetSocketAddress ANY =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

  @TempDir Path directory;
  private final List<Socket> stalled = new ArrayList<>();
  private final CountDownLatch goOn = new CountDownLatch(1);

  @AfterEach
  void letAllGo() throws IOException {
    goOn.countDown();
    for (Socket socket : stalled) {
      socket.close();
    }
  }

  private ApiServer serve(Supplier<Optional<JobService>> active) throws IOException {
    return ApiServer.start(
        ANY, Optional.empty(), TOKEN, active, directory::resolve, new FileStore(directory));
  }

  private void stall(int port, int connections) throws IOException {
    for (int i = 0; i < connections; i++) {
      Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
      socket.setSoTimeout(1);
      stalled.add(socket);
      socket.getOutputStream().write("GET /li".getBytes(StandardCharsets.US_ASCII));
    }
  }

  /** Else others would have been answered only because these were cut off. */
  private void assertThatAllStillStall() {
    assertThat(stalled)
        .allSatisfy(
            socket ->
                assertThatThrownBy(() -> socket.getInputStream().read())
                    .isInstanceOf(SocketTimeoutException.class));
  }

  private static CompletableFuture<HttpResponse<String>> ask(int port, String path) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .header("Authorization", "Bearer " + TOKEN)
            .build();
    return HttpClient.newHttpClient().sendAsync(request, HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void shouldServeUsersBesideThoseWhoStall() throws Exception {
    try (ApiServer server = serve(Optional::empty)) {
      int port = server.address().getPort();
      stall(port, 16);

      assertThat(ask(port, "/v1/jobs").get().body()).contains("stands by");
      assertThatAllStillStall();
    }
  }

  @Test
  void shouldSayThatItLivesBesideThoseWhoStall() throws Exception {
    try (HealthServer server = HealthServer.start(ANY, Optional::empty, Optional::empty)) {
      int port = server.address().getPort();
      stall(port, 6);

      assertThat(ask(port, "/livez").get().statusCode()).isEqualTo(200);
      assertThatAllStillStall();
    }
  }

  @Test
  void shouldWorkOnEightRequestsAtATimeAndTellTheOthersSo() throws Exception {
    CountDownLatch working = new CountDownLatch(8);
    Supplier<Optional<JobService>> slow =
        () -> {
          working.countDown();
          awaitQuietly(goOn);
          return Optional.empty();
        };
    try (ApiServer server = serve(slow)) {
      int port = server.address().getPort();
      List<CompletableFuture<HttpResponse<String>>> eight = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        eight.add(ask(port, "/v1/jobs"));
      }
      assertThat(working.await(30, TimeUnit.SECONDS)).isTrue();

      HttpResponse<String> ninth = ask(port, "/v1/jobs").get();
      assertThat(ninth.statusCode()).isEqualTo(503);
      assertThat(ninth.body()).contains("has worked on 8 other requests for 5 s; ask again");

      CompletableFuture<HttpResponse<String>> patient = ask(port, "/v1/jobs");
      goOn.countDown();
      assertThat(patient.get().body()).contains("stands by");
      for (CompletableFuture<HttpResponse<String>> one : eight) {
        assertThat(one.get().body()).contains("stands by");
      }
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      assertThat(latch.await(1, TimeUnit.MINUTES)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
