package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.protocol.HarmKind;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;

/**
 * Asks a cluster's coordinators over HTTP. Of several addresses the one whose coordinator is active
 * answers; while none is, all are asked again and again until a deadline, for another takes over
 * within seconds. Where nobody listens at any of them, and nobody ever did, the addresses are
 * likely wrong: that is told after a few seconds, or somewhat more where nobody says so.
 *
 * <p>What changes something is asked again only where it surely was not heard.
 *
 * <p>Threading: one thread.
 */
public final class ApiClient {
  private static final Duration STRANGER = Duration.ofSeconds(3);

  /** One that does not refuse may be there, on a host that is very busy. */
  private static final Duration SLOW = Duration.ofSeconds(15);

  private static final Duration CONNECT = Duration.ofSeconds(5);
  private static final long PAUSE_MILLIS = 300;
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final List<String> addresses;
  private final String scheme;
  private final String token;
  private final Duration patience;
  private final Duration stranger;
  private final Duration answer;
  private final HttpClient http;
  private int last;
  private boolean answered;

  private ApiClient(
      List<String> addresses,
      String scheme,
      String token,
      Duration patience,
      Duration stranger,
      Duration answer,
      HttpClient http) {
    this.addresses = List.copyOf(addresses);
    this.scheme = scheme;
    this.token = token;
    this.patience = patience;
    this.stranger = stranger;
    this.answer = answer;
    this.http = http;
  }

  /**
   * For a cluster.
   *
   * @param addresses of its coordinators' HTTP interfaces, as {@code host:port}, at least one
   * @param authority whose certificate they must show; plain HTTP, and addresses of loopback only,
   *     where there is none
   * @param patience how long to wait for an active coordinator
   * @throws IOException when the authority's certificate cannot be read
   * @throws IllegalArgumentException when a token would travel in clear over a network
   */
  public static ApiClient of(
      List<String> addresses, Optional<Path> authority, String token, Duration patience)
      throws IOException {
    return of(addresses, authority, token, patience, STRANGER, Deadlines.ANSWER);
  }

  /**
   * The same.
   *
   * @param stranger how long to wait for anybody to listen, where nobody has answered yet
   * @param answer how long one that listens may take for its answer
   */
  static ApiClient of(
      List<String> addresses,
      Optional<Path> authority,
      String token,
      Duration patience,
      Duration stranger,
      Duration answer)
      throws IOException {
    HttpClient.Builder builder =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT);
    if (authority.isPresent()) {
      SSLContext context = Tls.client(authority.get());
      builder.sslContext(context).sslParameters(Tls.parameters(context));
    } else {
      for (String address : addresses) {
        if (!address.matches("(127(\\.[0-9]{1,3}){3}|localhost):[0-9]+")) {
          throw new IllegalArgumentException(
              "expected ca.pem beside the token to ask "
                  + address
                  + " over a network, found none; copy it from what 'trireme cluster init' made");
        }
      }
    }
    return new ApiClient(
        addresses,
        authority.isPresent() ? "https" : "http",
        token,
        patience,
        stranger.compareTo(patience) < 0 ? stranger : patience,
        answer,
        builder.build());
  }

  /** A piece of a rank's log. */
  public record LogPart(String text, long next, boolean jobEnded) {}

  /** The active coordinator and the agents. */
  public JsonNode cluster() throws UnreachableException, RefusedException {
    return json("GET", "/v1/cluster");
  }

  /** Has the hosts measure the ways between them. */
  public JsonNode probe() throws UnreachableException, RefusedException {
    return parse(ask("GET", "/v1/probe", HttpRequest.BodyPublishers.noBody(), Deadlines.PROBE));
  }

  /** All jobs. */
  public JsonNode jobs() throws UnreachableException, RefusedException {
    return json("GET", "/v1/jobs");
  }

  /** Hands in a user's job as YAML; it is durable when this returns. */
  public JsonNode submit(String spec, String user) throws UnreachableException, RefusedException {
    String body =
        JsonNodeFactory.instance.objectNode().put("spec", spec).put("user", user).toString();
    return parse(ask("POST", "/v1/jobs", HttpRequest.BodyPublishers.ofString(body)));
  }

  /** Runs a job again that failed or was cancelled. */
  public JsonNode resume(String job) throws UnreachableException, RefusedException {
    return json("POST", "/v1/jobs/" + job + "/resume");
  }

  /**
   * Sees to it that the cluster has a file, by its content; sends it if need be. Safe to repeat.
   *
   * @return where ranks find it
   * @throws IOException when the file cannot be read here
   */
  public String ship(Path file) throws UnreachableException, RefusedException, IOException {
    String hash = Sha256.of(file);
    String name = file.getFileName().toString().replaceAll("[^A-Za-z0-9._+-]", "_");
    String what = "/v1/files/" + hash + "/" + name.replaceFirst("^[^A-Za-z0-9_]", "_");
    Optional<JsonNode> known = knownFile(what);
    if (known.isPresent()) {
      return known.get().path("path").asText();
    }
    long size = Files.size(file);
    long offset = 0;
    JsonNode said;
    try (InputStream in = Files.newInputStream(file)) {
      do {
        byte[] piece = in.readNBytes(FileStore.MAX_PIECE);
        String where = what + "?offset=" + offset + "&size=" + size;
        offset += piece.length;
        Duration deadline = offset < size ? answer : Deadlines.lastPiece(answer, size);
        said = parse(ask("PUT", where, HttpRequest.BodyPublishers.ofByteArray(piece), deadline));
        if (piece.length == 0 && !said.has("path")) {
          throw new IOException(file + " has changed while it was read");
        }
      } while (!said.has("path"));
    }
    return said.path("path").asText();
  }

  private Optional<JsonNode> knownFile(String what) throws UnreachableException {
    try {
      return Optional.of(json("GET", what));
    } catch (RefusedException e) {
      return Optional.empty(); // Not there yet; whatever else is wrong, sending it will tell.
    }
  }

  /** How a job ended. */
  public JsonNode result(String job) throws UnreachableException, RefusedException {
    return json("GET", "/v1/jobs/" + job + "/result");
  }

  /** What a rank has printed from a byte on. */
  public LogPart log(String job, int rank, long offset)
      throws UnreachableException, RefusedException {
    HttpResponse<byte[]> response =
        ask(
            "GET",
            "/v1/jobs/" + job + "/logs?rank=" + rank + "&offset=" + offset,
            HttpRequest.BodyPublishers.noBody());
    return new LogPart(
        new String(response.body(), StandardCharsets.UTF_8),
        response.headers().firstValueAsLong(ApiServer.NEXT).orElse(offset),
        response.headers().firstValue(ApiServer.ENDED).map("true"::equals).orElse(false));
  }

  /** One of its jobs. */
  public JobChannel job(String id) {
    return new JobChannel() {
      @Override
      public JsonNode show() throws UnreachableException, RefusedException {
        return json("GET", "/v1/jobs/" + id);
      }

      @Override
      public JsonNode scale(int workers) throws UnreachableException, RefusedException {
        return json("POST", "/v1/jobs/" + id + "/scale?workers=" + workers);
      }

      @Override
      public JsonNode scaleServers(int servers) throws UnreachableException, RefusedException {
        return json("POST", "/v1/jobs/" + id + "/scale?servers=" + servers);
      }

      @Override
      public JsonNode cancel(boolean checkpoint) throws UnreachableException, RefusedException {
        return json("POST", "/v1/jobs/" + id + "/cancel?checkpoint=" + checkpoint);
      }

      @Override
      public JsonNode harm(HarmKind kind, int rank, Duration lasting, boolean trial)
          throws UnreachableException, RefusedException {
        String query = HarmJson.query(kind, rank, lasting, trial);
        return json("POST", "/v1/jobs/" + id + "/chaos?" + query);
      }

      @Override
      public Lines lines(RunFile file, long offset) throws UnreachableException, RefusedException {
        String what = "/v1/jobs/" + id + "/" + file.word() + "?offset=" + offset;
        HttpResponse<byte[]> response = ask("GET", what, HttpRequest.BodyPublishers.noBody());
        return new Lines(
            new String(response.body(), StandardCharsets.UTF_8),
            response.headers().firstValueAsLong(ApiServer.NEXT).orElse(offset));
      }
    };
  }

  private JsonNode json(String method, String what) throws UnreachableException, RefusedException {
    return parse(ask(method, what, HttpRequest.BodyPublishers.noBody()));
  }

  private static JsonNode parse(HttpResponse<byte[]> response) throws UnreachableException {
    try {
      return JSON.readTree(response.body());
    } catch (IOException e) {
      throw new UnreachableException("the answer of " + response.uri() + " is not JSON");
    }
  }

  private HttpResponse<byte[]> ask(String method, String what, HttpRequest.BodyPublisher body)
      throws UnreachableException, RefusedException {
    return ask(method, what, body, answer);
  }

  private HttpResponse<byte[]> ask(
      String method, String what, HttpRequest.BodyPublisher body, Duration deadline)
      throws UnreachableException, RefusedException {
    long start = System.nanoTime();
    String trouble = "";
    boolean slow;
    do {
      slow = false;
      for (int i = 0; i < addresses.size(); i++) {
        int which = (last + i) % addresses.size();
        try {
          HttpResponse<byte[]> response = send(addresses.get(which), method, what, body, deadline);
          answered = true;
          if (response.statusCode() == 200) {
            last = which;
            return response;
          }
          String said = error(response);
          if (response.statusCode() != 503) {
            throw new RefusedException(said);
          }
          trouble = addresses.get(which) + ": " + said;
        } catch (HttpConnectTimeoutException e) {
          slow = true;
          trouble = addresses.get(which) + ": no connection within " + CONNECT.toSeconds() + " s";
        } catch (ConnectException e) {
          trouble = addresses.get(which) + ": no connection";
        } catch (IOException e) {
          trouble = addresses.get(which) + ": " + e.getMessage();
          if (method.equals("POST")) {
            throw new UnreachableException(
                "no answer from " + trouble + "; whether it was done, 'trireme job list' shows");
          }
        }
      }
      pause();
    } while (System.nanoTime() - start < patience(slow).toNanos());
    throw new UnreachableException("no active coordinator at " + trouble);
  }

  private Duration patience(boolean slow) {
    Duration limit = answered ? patience : slow ? SLOW : stranger;
    return limit.compareTo(patience) < 0 ? limit : patience;
  }

  private HttpResponse<byte[]> send(
      String address, String method, String what, HttpRequest.BodyPublisher body, Duration deadline)
      throws IOException, UnreachableException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(scheme + "://" + address + what))
            .timeout(deadline)
            .header("Authorization", "Bearer " + token)
            .method(method, body)
            .build();
    try {
      return http.send(request, HttpResponse.BodyHandlers.ofByteArray());
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  private static String error(HttpResponse<byte[]> response) {
    String text = new String(response.body(), StandardCharsets.UTF_8);
    try {
      return JSON.readTree(text).path("error").asText(text);
    } catch (IOException e) {
      return "status " + response.statusCode() + ": " + text;
    }
  }

  private static void pause() throws UnreachableException {
    try {
      TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  private static UnreachableException interrupted() {
    Thread.currentThread().interrupt();
    return new UnreachableException("interrupted while waiting for the cluster");
  }
}
