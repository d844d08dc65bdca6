package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.trireme.protocol.HarmKind;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Asks the process that runs the job of a run directory. Blocking: each call, 30 s at most. */
public final class ControlClient implements JobChannel {
  private static final Duration DEADLINE = Duration.ofSeconds(30);

  private final ClusterFile cluster;
  private final Path run;
  private final HttpClient http = HttpClient.newBuilder().connectTimeout(DEADLINE).build();

  private ControlClient(ClusterFile cluster, Path run) {
    this.cluster = cluster;
    this.run = run;
  }

  /** There is nobody to ask, or no answer came. */
  public static final class UnreachableException extends Exception {
    private static final long serialVersionUID = 1L;

    /** With a message for people. */
    public UnreachableException(String message) {
      super(message);
    }
  }

  /** The answer was no. */
  public static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    public RefusedException(String message) {
      super(message);
    }
  }

  /**
   * For the run in this directory.
   *
   * @throws UnreachableException when its process is gone
   * @throws RefusedException when it is no directory of a run, or the run has ended
   */
  public static ControlClient of(Path runDirectory) throws UnreachableException, RefusedException {
    try {
      Optional<ClusterFile> cluster = ClusterFile.read(runDirectory);
      if (cluster.isEmpty()) {
        throw RunFiles.nobody(runDirectory);
      }
      return new ControlClient(cluster.get(), runDirectory);
    } catch (ClusterFile.UnusableException e) {
      throw new UnreachableException(e.getMessage());
    } catch (IOException e) {
      throw new UnreachableException("cannot read cluster.json in " + runDirectory + ": " + e);
    }
  }

  @Override
  public JsonNode show() throws UnreachableException, RefusedException {
    return ask("GET", "");
  }

  @Override
  public JsonNode scale(int workers) throws UnreachableException, RefusedException {
    return ask("POST", "/scale?workers=" + workers);
  }

  @Override
  public JsonNode scaleServers(int servers) throws UnreachableException, RefusedException {
    return ask("POST", "/scale?servers=" + servers);
  }

  @Override
  public JsonNode cancel(boolean checkpoint) throws UnreachableException, RefusedException {
    return ask("POST", "/cancel?checkpoint=" + checkpoint);
  }

  @Override
  public JsonNode harm(HarmKind kind, int rank, Duration lasting, boolean trial)
      throws UnreachableException, RefusedException {
    return ask("POST", "/chaos?" + HarmJson.query(kind, rank, lasting, trial));
  }

  @Override
  public Lines lines(RunFile file, long offset) throws UnreachableException {
    try {
      LogSlice slice = LogSlice.read(run.resolve(file.fileName()), offset);
      return new Lines(new String(slice.bytes(), StandardCharsets.UTF_8), slice.next());
    } catch (IOException e) {
      throw new UnreachableException("cannot read " + file.fileName() + " in " + run + ": " + e);
    }
  }

  private JsonNode ask(String method, String what) throws UnreachableException, RefusedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://" + cluster.address() + "/v1/job" + what))
            .timeout(DEADLINE)
            .header("Authorization", "Bearer " + cluster.token())
            .method(method, HttpRequest.BodyPublishers.noBody())
            .build();
    try {
      HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
      JsonNode body = JsonMapper.builder().build().readTree(response.body());
      if (response.statusCode() != 200) {
        throw new RefusedException(body.path("error").asText(response.body()));
      }
      return body;
    } catch (IOException e) {
      throw new UnreachableException("no answer from " + cluster + ": " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UnreachableException("interrupted while waiting for " + cluster);
    }
  }
}
