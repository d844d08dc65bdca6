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
import java.util.Map;
import java.util.concurrent.ExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the one job of an embedded cluster to commands on the same machine.
 *
 * <pre>
 *   GET  /v1/job                          how it stands
 *   POST /v1/job/scale?workers=N          another number of ranks
 *   POST /v1/job/scale?servers=N          another number of servers
 *   POST /v1/job/cancel[?checkpoint=true] its end, with a checkpoint before it where asked
 *   POST /v1/job/chaos?kind=K&amp;rank=R&amp;lastingMillis=N[&amp;trial=true]   harm on purpose
 * </pre>
 *
 * <p>Every request carries {@code Authorization: Bearer TOKEN}; without it the answer is 401 and
 * nothing is done. Answers are JSON; with {@code error} where it is not 200: 400 the request makes
 * no sense, 404 no such path, 405 not with this method, 409 it cannot be done.
 *
 * <p>Threading: at most {@value #THREADS} requests at a time, {@value #WAITING} wait. Who does not
 * send a request to its end is cut off after seconds, and holds up nobody but itself.
 */
public final class ControlServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ControlServer.class);
  private static final int THREADS = 32;
  private static final int WAITING = 64;

  private static final Map<String, String> METHODS =
      Map.of(
          "/v1/job", "GET",
          "/v1/job/scale", "POST",
          "/v1/job/cancel", "POST",
          "/v1/job/chaos", "POST");

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
    Http.setDeadlines();
    this.server =
        HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), WAITING);
    this.executor = Http.threads("control-server", THREADS, WAITING);
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
      control.server.createContext("/", control::handle);
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
        answer(exchange);
      } catch (IllegalArgumentException e) {
        Http.answer(exchange, 400, Http.error(e.getMessage()));
      } catch (CoordinatorException e) {
        Http.answer(exchange, 409, Http.error(e.getMessage()));
      } catch (RuntimeException e) {
        LOG.error("serving {}", exchange.getRequestURI().getPath(), e);
        Http.answer(exchange, 500, Http.error(e.toString()));
      }
    }
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    String method = METHODS.get(path);
    if (method == null) {
      Http.answer(exchange, 404, Http.error("there is no such path"));
    } else if (!method.equals(exchange.getRequestMethod())) {
      exchange.getResponseHeaders().set("Allow", method);
      Http.answer(exchange, 405, Http.error("expected " + method + " for " + path));
    } else {
      Http.answer(exchange, 200, serve(exchange));
    }
  }

  private ObjectNode serve(HttpExchange exchange) {
    String request = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
    String query = String.valueOf(exchange.getRequestURI().getQuery());
    switch (request) {
      case "GET /v1/job" -> {
        // The answer is the same for all.
      }
      case "POST /v1/job/scale" -> scale(query);
      case "POST /v1/job/chaos" -> {
        return HarmJson.of(jobs.harm(jobId, HarmJson.order(Http.query(exchange))));
      }
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

  private void scale(String query) {
    if (!query.matches("(workers|servers)=[0-9]{1,9}")) {
      throw new IllegalArgumentException("expected workers=N or servers=N, found " + query);
    }
    int number = Integer.parseInt(query.substring(query.indexOf('=') + 1));
    if (query.startsWith("servers")) {
      jobs.scaleServers(jobId, number);
    } else {
      jobs.scale(jobId, number);
    }
  }

  /** Ends it, and takes {@code cluster.json} away. */
  @Override
  public void close() {
    server.stop(0);
    executor.shutdownNow();
    try {
      ClusterFile.delete(runDirectory);
    } catch (IOException e) {
      LOG.warn("cannot delete cluster.json in {}: {}", runDirectory, e.toString());
    }
  }
}
