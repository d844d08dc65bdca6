package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsServer;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.launcher.config.ConfigException;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.config.ResolvedJob;
import dev.trireme.launcher.control.JobChannel.RunFile;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A coordinator's HTTP interface.
 *
 * <pre>
 *   GET  /v1/cluster                            the active coordinator, the agents
 *   GET  /v1/probe                              has the hosts measure the ways between them
 *   GET  /v1/jobs                               all jobs, oldest first
 *   POST /v1/jobs                               {"spec": YAML, "user": NAME}: a job is accepted and durable
 *   GET  /v1/jobs/ID                            how it stands, and why
 *   GET  /v1/jobs/ID/logs?rank=R&amp;offset=N       what rank R printed from byte N on; {@link #NEXT}
 *   GET  /v1/jobs/ID/result                     how it ended
 *   POST /v1/jobs/ID/cancel[?checkpoint=true]
 *   POST /v1/jobs/ID/scale?workers=N   or ?servers=N
 *   POST /v1/jobs/ID/resume
 *   GET  /v1/files/SHA256/NAME                  {"path": where a file that was shipped is}
 *   PUT  /v1/files/SHA256/NAME?offset=N&amp;size=M  a piece of one, at most {@value FileStore#MAX_PIECE} bytes
 *   POST /v1/jobs/ID/chaos?kind=K&amp;rank=R&amp;lastingMillis=N[&amp;trial=true]
 *   GET  /v1/jobs/ID/events|metrics?offset=N     what events.jsonl or metrics.jsonl holds from byte N on
 * </pre>
 *
 * <p>Every request carries {@code Authorization: Bearer TOKEN}; without it the answer is 401 and
 * nothing is read. Answers are JSON, logs excepted. 400: the request makes no sense, or the job
 * spec is wrong; 404: no such thing; 409: cannot be done now; 503: another coordinator is active,
 * or this one is too busy: nothing was done.
 *
 * <p>The JDK's server does: the interface is small, and another server would be a dependency of
 * some megabytes. Its limits: HTTP/1.1, and a thread for each request that is being answered.
 *
 * <p>Threading: at most {@value #THREADS} connections are listened to at a time, {@value #WAITING}
 * wait. Of the requests that carry the token at most {@value #AT_ONCE} are worked on, in the order
 * in which they came; who waits longer than {@value #TURN_SECONDS} s for that is told to come
 * again.
 */
public final class ApiServer implements AutoCloseable {
  /** The header that says from which byte on to ask for a log the next time. */
  public static final String NEXT = "Trireme-Next";

  /** The header that says whether the job has ended, so that its log grows no more. */
  public static final String ENDED = "Trireme-Ended";

  private static final Logger LOG = LoggerFactory.getLogger(ApiServer.class);
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final int THREADS = 32;
  private static final int AT_ONCE = 8;
  private static final int TURN_SECONDS = 5;
  private static final String BUSY =
      "this coordinator has worked on %d other requests for %d s; ask again"
          .formatted(AT_ONCE, TURN_SECONDS);
  private static final int WAITING = 64;
  private static final int MAX_BODY = 2 << 20;

  private final Supplier<Optional<JobService>> active;
  private final String token;
  private final Function<String, Path> runDirectories;
  private final FileStore files;
  private final HttpServer server;
  private final ExecutorService executor;
  private final Semaphore turns = new Semaphore(AT_ONCE, true);

  private ApiServer(
      Supplier<Optional<JobService>> active,
      String token,
      Function<String, Path> runDirectories,
      FileStore files,
      HttpServer server) {
    this.active = active;
    this.token = token;
    this.runDirectories = runDirectories;
    this.files = files;
    this.server = server;
    this.executor = Http.threads("trireme-api", THREADS, WAITING);
  }

  /**
   * Starts serving.
   *
   * @param active the jobs while this coordinator is the active one, empty while it stands by
   * @param token that every request must carry
   * @param tls empty for plain HTTP, which the caller allows on loopback only
   * @param runDirectories gives a job of this name a run directory of its own
   * @param files what users ship goes there
   * @throws IOException when it cannot listen there
   */
  public static ApiServer start(
      InetSocketAddress address,
      Optional<SSLContext> tls,
      String token,
      Supplier<Optional<JobService>> active,
      Function<String, Path> runDirectories,
      FileStore files)
      throws IOException {
    Http.setDeadlines();
    HttpServer server;
    if (tls.isPresent()) {
      HttpsServer secure = HttpsServer.create(address, WAITING);
      secure.setHttpsConfigurator(Tls.configurator(tls.get()));
      server = secure;
    } else {
      server = HttpServer.create(address, WAITING);
    }
    ApiServer api = new ApiServer(active, token, runDirectories, files, server);
    server.setExecutor(api.executor);
    server.createContext("/", api::handle);
    server.start();
    return api;
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return server.getAddress();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (!Http.authorized(exchange, token)) {
        Http.answer(exchange, 401, Http.error("expected the cluster's token"));
        return;
      }
      try {
        serveInTurn(exchange);
      } catch (NoSuchThingException e) {
        Http.answer(exchange, 404, Http.error(e.getMessage()));
      } catch (ConfigException e) {
        String all = e.problems().stream().map(String::valueOf).collect(Collectors.joining("\n"));
        Http.answer(exchange, 400, Http.error(all));
      } catch (IllegalArgumentException e) {
        Http.answer(exchange, 400, Http.error(e.getMessage()));
      } catch (CoordinatorException e) {
        // A question may be asked of the next one; whether a change was made nobody knows.
        boolean question = exchange.getRequestMethod().equals("GET");
        int code = question && active.get().isEmpty() ? 503 : 409;
        Http.answer(exchange, code, Http.error(e.getMessage()));
      } catch (RuntimeException e) {
        LOG.error("serving {}", exchange.getRequestURI().getPath(), e);
        Http.answer(exchange, 500, Http.error(e.toString()));
      }
    }
  }

  private void serveInTurn(HttpExchange exchange) throws IOException {
    boolean turn = false;
    try {
      turn = turns.tryAcquire(TURN_SECONDS, TimeUnit.SECONDS);
      if (turn) {
        serve(exchange);
      } else {
        Http.answer(exchange, 503, Http.error(BUSY));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // It is being closed, and the exchange with it.
    } finally {
      if (turn) {
        turns.release();
      }
    }
  }

  private static final class NoSuchThingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NoSuchThingException(String message) {
      super(message);
    }
  }

  private void serve(HttpExchange exchange) throws IOException {
    Optional<JobService> jobs = active.get();
    if (jobs.isEmpty()) {
      Http.answer(exchange, 503, Http.error("this coordinator stands by; ask another"));
      return;
    }
    List<String> path = List.of(exchange.getRequestURI().getPath().split("/"));
    String method = exchange.getRequestMethod();
    Map<String, String> query = Http.query(exchange);
    if (path.size() < 3 || path.size() > 5 || !path.get(1).equals("v1")) {
      throw noSuch(exchange);
    }
    if (path.get(2).equals("files") && path.size() == 5) {
      serveFile(exchange, method, path.get(3), path.get(4), query);
      return;
    }
    String what = method + " " + path.get(2) + (path.size() == 5 ? " " + path.get(4) : "");
    if (path.size() == 4) {
      what = method + " job";
    }
    String id = path.size() > 3 ? path.get(3) : "";
    switch (what) {
      case "GET cluster" -> Http.answer(exchange, 200, cluster(jobs.get().cluster()));
      case "GET probe" -> Http.answer(exchange, 200, ProbeJson.of(jobs.get().probe()));
      case "GET jobs" -> Http.answer(exchange, 200, list(jobs.get()));
      case "POST jobs" -> Http.answer(exchange, 200, submit(jobs.get(), exchange));
      case "GET job" -> Http.answer(exchange, 200, JobJson.of(find(jobs.get(), id)));
      case "GET jobs logs" -> log(exchange, find(jobs.get(), id), query);
      case "GET jobs result" -> Http.answer(exchange, 200, result(find(jobs.get(), id)));
      case "GET jobs events" -> lines(exchange, find(jobs.get(), id), RunFile.EVENTS, query);
      case "GET jobs metrics" -> lines(exchange, find(jobs.get(), id), RunFile.METRICS, query);
      case "POST jobs chaos" -> {
        find(jobs.get(), id);
        Http.answer(exchange, 200, HarmJson.of(jobs.get().harm(id, HarmJson.order(query))));
      }
      case "POST jobs cancel" -> {
        find(jobs.get(), id);
        if (query.getOrDefault("checkpoint", "false").equals("true")) {
          jobs.get().cancelWithCheckpoint(id, "cancelled by the user");
        } else {
          jobs.get().cancel(id, "cancelled by the user");
        }
        Http.answer(exchange, 200, JobJson.of(find(jobs.get(), id)));
      }
      case "POST jobs scale" -> {
        find(jobs.get(), id);
        if (query.containsKey("servers")) {
          jobs.get().scaleServers(id, count(query, "servers"));
        } else {
          jobs.get().scale(id, count(query, "workers"));
        }
        Http.answer(exchange, 200, JobJson.of(find(jobs.get(), id)));
      }
      case "POST jobs resume" -> {
        find(jobs.get(), id);
        jobs.get().resume(id);
        Http.answer(exchange, 200, JobJson.of(find(jobs.get(), id)));
      }
      default -> throw noSuch(exchange);
    }
  }

  private void serveFile(
      HttpExchange exchange, String method, String hash, String name, Map<String, String> query)
      throws IOException {
    Optional<Path> whole;
    if (method.equals("GET")) {
      whole = files.find(hash, name);
      if (whole.isEmpty()) {
        throw new NoSuchThingException("there is no file " + hash + "/" + name);
      }
    } else if (method.equals("PUT")) {
      byte[] piece = exchange.getRequestBody().readNBytes(FileStore.MAX_PIECE + 1);
      if (piece.length > FileStore.MAX_PIECE) {
        throw new IllegalArgumentException(
            "expected at most " + FileStore.MAX_PIECE + " bytes of a file at a time");
      }
      try {
        whole =
            files.write(
                hash, name, Http.number(query, "offset"), Http.number(query, "size"), piece);
      } catch (IOException e) {
        throw new CoordinatorException("cannot keep the file " + name + ": " + e.getMessage(), e);
      }
    } else {
      throw noSuch(exchange);
    }
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    whole.ifPresent(file -> answer.put("path", file.toString()));
    Http.answer(exchange, 200, answer);
  }

  private static NoSuchThingException noSuch(HttpExchange exchange) {
    return new NoSuchThingException(
        "there is no " + exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath());
  }

  private static JobStatus find(JobService jobs, String id) {
    return jobs.status(id)
        .orElseThrow(
            () ->
                new NoSuchThingException(
                    "there is no job '" + id + "'; 'trireme job list' shows those there are"));
  }

  private static JsonNode cluster(ClusterStatus status) {
    ObjectNode object =
        JsonNodeFactory.instance
            .objectNode()
            .put("coordinator", status.coordinator())
            .put("term", status.term());
    ArrayNode agents = object.putArray("agents");
    for (ClusterStatus.Agent agent : status.agents()) {
      agents
          .addObject()
          .put("agent", agent.agentId())
          .put("host", agent.host())
          .put("slots", agent.slots())
          .put("free", agent.free())
          .put("cudaSlots", agent.cudaSlots())
          .put("cudaFree", agent.cudaFree())
          .put("cores", agent.cores())
          .put("memory", agent.memory());
    }
    return object;
  }

  private static JsonNode list(JobService jobs) {
    ArrayNode all = JsonNodeFactory.instance.arrayNode();
    jobs.list().forEach(status -> all.add(JobJson.of(status)));
    return all;
  }

  private JsonNode submit(JobService jobs, HttpExchange exchange) throws IOException {
    byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
    if (body.length > MAX_BODY) {
      throw new IllegalArgumentException("expected at most " + MAX_BODY + " bytes");
    }
    JsonNode request;
    try {
      request = JSON.readTree(body);
    } catch (IOException e) {
      throw new IllegalArgumentException("expected JSON, found something else", e);
    }
    if (!request.path("spec").isTextual()) {
      throw new IllegalArgumentException("expected the job as YAML in \"spec\"");
    }
    ResolvedJob job = JobReader.readWithoutFiles("job", request.path("spec").asText());
    Path directory = runDirectories.apply(job.spec().name());
    String id = jobs.submit(Submissions.of(job, directory, request.path("user").asText("")));
    return JobJson.of(find(jobs, id));
  }

  private static JsonNode result(JobStatus status) {
    Path file = status.runDirectory().resolve("result.json");
    if (!status.state().isFinal() || !java.nio.file.Files.isRegularFile(file)) {
      throw new NoSuchThingException(status.jobId() + " has no result yet: " + status.state());
    }
    try {
      return RunFiles.result(status.runDirectory())
          .orElseThrow(() -> new NoSuchThingException(file + " is gone"));
    } catch (IOException e) {
      throw new CoordinatorException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  private static void log(HttpExchange exchange, JobStatus status, Map<String, String> query)
      throws IOException {
    long rank = Http.number(query, "rank");
    long offset = Http.number(query, "offset");
    // Asked first: what is printed before the end is then in what is read after.
    boolean ended = status.state().isFinal();
    LogSlice slice = LogSlice.read(status.runDirectory(), rank, offset);
    exchange.getResponseHeaders().set(ENDED, String.valueOf(ended));
    answer(exchange, slice);
  }

  private static void lines(
      HttpExchange exchange, JobStatus status, RunFile file, Map<String, String> query)
      throws IOException {
    Path path = status.runDirectory().resolve(file.fileName());
    answer(exchange, LogSlice.read(path, Http.number(query, "offset")));
  }

  private static void answer(HttpExchange exchange, LogSlice slice) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
    exchange.getResponseHeaders().set(NEXT, String.valueOf(slice.next()));
    Http.answer(exchange, 200, slice.bytes());
  }

  /** Ends it; requests that are being answered are cut off. */
  @Override
  public void close() {
    server.stop(0);
    executor.shutdownNow();
  }

  private static int count(Map<String, String> query, String name) {
    return (int) Math.min(Integer.MAX_VALUE, Http.number(query, name));
  }
}
