package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobService;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
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
      if (!Http.authorized(exchange, token)) {
        Http.answer(exchange, 401, Http.error("the token of cluster.json is expected"));
        return;
      }
      try {
        Http.answer(exchange, 200, serve(exchange));
      } catch (CoordinatorException | IllegalArgumentException e) {
        Http.answer(exchange, 409, Http.error(e.getMessage()));
      } catch (RuntimeException e) {
        log.error("serving {}", exchange.getRequestURI().getPath(), e);
        Http.answer(exchange, 500, Http.error(e.toString()));
      }
    }
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
    return JobJson.of(jobs.status(jobId).orElseThrow());
  }

  private static int workers(String query) {
    if (!query.matches("workers=[0-9]{1,9}")) {
      throw new IllegalArgumentException("expected workers=N, found " + query);
    }
    return Integer.parseInt(query.substring("workers=".length()));
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
