package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the one job of an embedded cluster to commands on the same machine.
 *
 * <pre>
 *   GET  /v1/job                          how it stands
 *   POST /v1/job/scale?workers=N          another number of ranks
 *   POST /v1/job/cancel[?checkpoint=true] its end, with a checkpoint before it where asked
 * </pre>
 *
 * <p>Every request carries {@code Authorization: Bearer TOKEN}; without it the answer is 401 and
 * nothing is done. Answers are JSON; what cannot be done is answered 409 with {@code error}.
 *
 * <p>Threading: a thread of its own, one request at a time.
 */
public final class ControlServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ControlServer.class);
  private static final int WAITING = 16;

  private final JobService jobs;
  private final String jobId;
  private final String token;
  private final Path runDirectory;
  private final HttpServer server;
  private final ExecutorService executor;

  private ControlServer(JobService jobs, String jobId, Path runDirectory) throws IOException {
    this.jobs = jobs;
    this.jobId = jobId;
    this.runDirectory = runDirectory;
    byte[] secret = new byte[32];
    new SecureRandom().nextBytes(secret);
    this.token = HexFormat.of().formatHex(secret);
    this.server =
        HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), WAITING);
    this.executor =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, "control-server");
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Starts serving and leaves {@code cluster.json} in the run directory.
   *
   * @throws CoordinatorException when it cannot listen, or the file cannot be written
   */
  public static ControlServer start(JobService jobs, String jobId, Path runDirectory) {
    try {
      ControlServer control = new ControlServer(jobs, jobId, runDirectory);
      control.server.setExecutor(control.executor);
      control.server.createContext("/v1/job", control::handle);
      control.server.start();
      String address = "127.0.0.1:" + control.server.getAddress().getPort();
      ClusterFile.ofThisProcess(address, control.token, jobId).write(runDirectory);
      return control;
    } catch (IOException e) {
      throw new CoordinatorException(
          "cannot serve the run in " + runDirectory + " to other commands: " + e, e);
    }
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (!authorized(exchange)) {
        answer(exchange, 401, error("the token of cluster.json is expected"));
        return;
      }
      try {
        answer(exchange, 200, serve(exchange));
      } catch (CoordinatorException | IllegalArgumentException e) {
        answer(exchange, 409, error(e.getMessage()));
      } catch (RuntimeException e) {
        log.error("serving {}", exchange.getRequestURI().getPath(), e);
        answer(exchange, 500, error(e.toString()));
      }
    }
  }

  private boolean authorized(HttpExchange exchange) {
    String given = String.valueOf(exchange.getRequestHeaders().getFirst("Authorization"));
    return MessageDigest.isEqual(
        given.getBytes(StandardCharsets.UTF_8),
        ("Bearer " + token).getBytes(StandardCharsets.UTF_8));
  }

  private ObjectNode serve(HttpExchange exchange) {
    String request = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
    String query = String.valueOf(exchange.getRequestURI().getQuery());
    switch (request) {
      case "GET /v1/job" -> {
        // The answer is the same for all.
      }
      case "POST /v1/job/scale" -> jobs.scale(jobId, workers(query));
      case "POST /v1/job/cancel" -> {
        if (query.equals("checkpoint=true")) {
          jobs.cancelWithCheckpoint(jobId, "cancelled by the user");
        } else {
          jobs.cancel(jobId, "cancelled by the user");
        }
      }
      default -> throw new IllegalArgumentException("there is no " + request);
    }
    return describe(jobs.status(jobId).orElseThrow());
  }

  private static int workers(String query) {
    if (!query.matches("workers=[0-9]{1,9}")) {
      throw new IllegalArgumentException("expected workers=N, found " + query);
    }
    return Integer.parseInt(query.substring("workers=".length()));
  }

  private static ObjectNode describe(JobStatus status) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("job", status.jobId())
        .put("name", status.name())
        .put("state", status.state().name())
        .put("reason", status.reason())
        .put("generation", status.generation())
        .put("worldSize", status.worldSize())
        .put("runDirectory", status.runDirectory().toString());
  }

  private static ObjectNode error(String message) {
    return JsonNodeFactory.instance.objectNode().put("error", message);
  }

  private static void answer(HttpExchange exchange, int code, ObjectNode body) throws IOException {
    byte[] bytes = (body.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(code, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  /** Ends it, and takes {@code cluster.json} away. */
  @Override
  public void close() {
    server.stop(0);
    executor.shutdownNow();
    try {
      ClusterFile.delete(runDirectory);
    } catch (IOException e) {
      log.warn("cannot delete cluster.json in {}: {}", runDirectory, e.toString());
    }
  }
}
