package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HealthServerTest {
  private volatile Optional<String> trouble = Optional.of("is joining");

  @Test
  void shouldTellLivingFromReady() throws Exception {
    try (HealthServer health =
        HealthServer.start(new InetSocketAddress("127.0.0.1", 0), Optional::empty, () -> trouble)) {
      assertThat(ask(health, "/livez").statusCode()).isEqualTo(200);
      assertThat(ask(health, "/readyz").statusCode()).isEqualTo(503);
      assertThat(ask(health, "/readyz").body()).contains("is joining");
      trouble = Optional.empty();
      assertThat(ask(health, "/readyz").statusCode()).isEqualTo(200);
      assertThat(ask(health, "/v1/jobs").statusCode()).isEqualTo(404);
    }
  }

  @Test
  void shouldListenOnLoopbackOnly() {
    for (String host : new String[] {"0.0.0.0", "192.0.2.1"}) {
      assertThatThrownBy(
              () ->
                  HealthServer.start(
                      new InetSocketAddress(host, 0), Optional::empty, Optional::empty))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("loopback");
    }
  }

  private static HttpResponse<String> ask(HealthServer health, String path) throws Exception {
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(
                    URI.create("http://127.0.0.1:" + health.address().getPort() + path))
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }
}
