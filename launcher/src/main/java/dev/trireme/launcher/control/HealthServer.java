package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.function.Supplier;

/**
 * Tells whoever supervises a service on its own machine how it is: {@code GET /livez} is answered
 * 200 while it works at all, {@code GET /readyz} while it can do what it is there for, else 503
 * with the reason. Without a token, hence on loopback only.
 *
 * <p>Threading: at most {@value #THREADS} threads, so that some who do not finish their requests do
 * not make the service look dead; {@value #WAITING} connections wait.
 */
public final class HealthServer implements AutoCloseable {
  private static final int THREADS = 8;
  private static final int WAITING = 16;

  private final HttpServer server;
  private final ExecutorService executor;

  private HealthServer(HttpServer server) {
    this.server = server;
    this.executor = Http.threads("trireme-health", THREADS, WAITING);
  }

  /**
   * Starts serving.
   *
   * @param alive why it does not work, empty while it does; must return at once
   * @param ready why it cannot do what it is there for, empty while it can; must return at once
   * @throws IOException when it cannot listen there
   * @throws IllegalArgumentException when others than this machine could reach it
   */
  public static HealthServer start(
      InetSocketAddress address, Supplier<Optional<String>> alive, Supplier<Optional<String>> ready)
      throws IOException {
    if (address.getAddress() == null || !address.getAddress().isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "expected an address of loopback for health, found " + address.getHostString());
    }
    Http.setDeadlines();
    HealthServer health = new HealthServer(HttpServer.create(address, WAITING));
    health.server.setExecutor(health.executor);
    health.server.createContext("/livez", exchange -> answer(exchange, alive.get()));
    health.server.createContext("/readyz", exchange -> answer(exchange, ready.get()));
    health.server.start();
    return health;
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return server.getAddress();
  }

  private static void answer(HttpExchange exchange, Optional<String> trouble) throws IOException {
    try (exchange) {
      Http.answer(
          exchange,
          trouble.isEmpty() ? 200 : 503,
          JsonNodeFactory.instance.objectNode().put("status", trouble.orElse("ok")));
    }
  }

  @Override
  public void close() {
    server.stop(0);
    executor.shutdownNow();
  }
}
