package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.api.data.Cursor;
import dev.trireme.coordinator.ClusterProbe;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class ControlServerTest {
  @TempDir Path runDirectory;
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private final JobService jobs = new Jobs();

  @Test
  void shouldServeTheRunToThoseWhoCanReadItsFile() throws Exception {
    try (ControlServer server = ControlServer.start(jobs, "job-1", runDirectory)) {
      assertThat(server).isNotNull();
      assertThat(Files.getPosixFilePermissions(runDirectory.resolve("cluster.json")))
          .isEqualTo(PosixFilePermissions.fromString("rw-------"));
      ControlClient client = ControlClient.of(runDirectory);
      JsonNode shown = client.show();
      assertThat(shown.path("state").asText()).isEqualTo("RUNNING");
      assertThat(shown.path("worldSize").asInt()).isEqualTo(2);
      assertThat(shown.path("wantedWorkers").asInt()).isEqualTo(3);
      assertThat(shown.path("wantedServers").asInt()).isEqualTo(1);
      assertThat(shown.path("progress").toString())
          .isEqualTo(
              "{\"time\":\"1970-01-01T00:00:00Z\",\"step\":7,\"totalSteps\":40,\"epoch\":1,"
                  + "\"totalEpochs\":8,\"loss\":0.5,\"secondsLeft\":2.5}");
      client.scale(3);
      client.scaleServers(2);
      client.cancel(false);
      client.cancel(true);
      assertThat(asked).containsExactly("scale 3", "servers 2", "cancel", "cancel with checkpoint");
      assertThatThrownBy(() -> client.scale(9))
          .isInstanceOf(ControlClient.RefusedException.class)
          .hasMessage("too many");
    }
    assertThat(runDirectory.resolve("cluster.json")).doesNotExist();
    assertThatThrownBy(() -> ControlClient.of(runDirectory))
        .isInstanceOf(ControlClient.RefusedException.class)
        .hasMessageContaining("is no directory of a run");
  }

  @Test
  @Timeout(25)
  void shouldNotBeHeldUpByThoseWhoDoNotFinishTheirRequests() throws Exception {
    List<Socket> idle = new ArrayList<>();
    try (ControlServer server = ControlServer.start(jobs, "job-1", runDirectory)) {
      assertThat(server).isNotNull();
      String address = ClusterFile.read(runDirectory).orElseThrow().address();
      int port = Integer.parseInt(address.substring(address.indexOf(':') + 1));
      for (int i = 0; i < 12; i++) {
        Socket socket = new Socket("127.0.0.1", port);
        idle.add(socket);
        socket.getOutputStream().write("GET /v1/jo".getBytes(StandardCharsets.US_ASCII));
      }
      assertThat(ControlClient.of(runDirectory).show().path("state").asText()).isEqualTo("RUNNING");
      // And they are cut off, whoever else comes.
      idle.get(0).setSoTimeout(20_000); // no timeout of JUnit's ends a read
      assertThat(idle.get(0).getInputStream().read()).isNegative();
    } finally {
      for (Socket socket : idle) {
        socket.close();
      }
    }
  }

  @Test
  void shouldSayWhichPathsAndMethodsThereAre() throws Exception {
    try (ControlServer server = ControlServer.start(jobs, "job-1", runDirectory)) {
      assertThat(server).isNotNull();
      assertThat(answerTo("GET", "/v1/job")).isEqualTo(200);
      assertThat(answerTo("GET", "/v1/jobs")).isEqualTo(404);
      assertThat(answerTo("GET", "/v1/job/")).isEqualTo(404);
      assertThat(answerTo("GET", "/")).isEqualTo(404);
      assertThat(answerTo("DELETE", "/v1/job")).isEqualTo(405);
      assertThat(answerTo("GET", "/v1/job/cancel")).isEqualTo(405);
      assertThat(answerTo("POST", "/v1/job/scale?workers=x")).isEqualTo(400);
      assertThat(answerTo("POST", "/v1/job/scale?workers=9")).isEqualTo(409);
      assertThat(asked).isEmpty();
    }
  }

  private int answerTo(String method, String path) throws Exception {
    ClusterFile cluster = ClusterFile.read(runDirectory).orElseThrow();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://" + cluster.address() + path))
            .header("Authorization", "Bearer " + cluster.token())
            .method(method, HttpRequest.BodyPublishers.noBody())
            .build();
    HttpResponse<String> response =
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    assertThat(response.headers().firstValue("Content-Type")).contains("application/json");
    return response.statusCode();
  }

  @Test
  void shouldDoNothingWithoutTheToken() throws Exception {
    try (ControlServer server = ControlServer.start(jobs, "job-1", runDirectory)) {
      assertThat(server).isNotNull();
      String address = ClusterFile.read(runDirectory).orElseThrow().address();
      for (String header : List.of("", "Bearer ", "Bearer null", "Bearer 0123")) {
        HttpRequest request =
            HttpRequest.newBuilder(URI.create("http://" + address + "/v1/job/cancel"))
                .header("Authorization", header)
                .POST(HttpRequest.BodyPublishers.noBody())
                .build();
        assertThat(
                HttpClient.newHttpClient()
                    .send(request, HttpResponse.BodyHandlers.discarding())
                    .statusCode())
            .isEqualTo(401);
      }
      assertThat(asked).isEmpty();
    }
  }

  @Test
  void shouldKeepTheTokenOutOfItsWords() {
    assertThat(new ClusterFile("a:1", "secret", "h", "", 1, 0, "job-1").toString())
        .doesNotContain("secret");
  }

  private final class Jobs implements JobService {
    @Override
    public ClusterProbe probe() {
      throw new UnsupportedOperationException();
    }

    @Override
    public ClusterStatus cluster() {
      throw new UnsupportedOperationException();
    }

    @Override
    public String submit(JobSubmission submission) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void cancel(String jobId, String reason) {
      asked.add("cancel");
    }

    @Override
    public void scale(String jobId, int workers) {
      if (workers > 4) {
        throw new CoordinatorException("too many");
      }
      asked.add("scale " + workers);
    }

    @Override
    public void scaleServers(String jobId, int servers) {
      if (servers > 4) {
        throw new CoordinatorException("too many");
      }
      asked.add("servers " + servers);
    }

    @Override
    public Harmed harm(String jobId, HarmOrder order) {
      asked.add("harm " + order);
      return new Harmed(order, 3, 4711, Instant.EPOCH, "stopped");
    }

    @Override
    public void resume(String jobId) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void cancelWithCheckpoint(String jobId, String reason) {
      asked.add("cancel with checkpoint");
    }

    @Override
    public Optional<JobStatus> status(String jobId) {
      return Optional.of(
          new JobStatus(
              jobId,
              "tiny",
              JobState.RUNNING,
              "fine",
              "me",
              0,
              Instant.EPOCH,
              1,
              2,
              Optional.of(3),
              Optional.of(1),
              runDirectory,
              Optional.of(
                  new JobEvent.Progress(
                      jobId,
                      Instant.EPOCH,
                      1,
                      new RankReport.Committed(
                          7, new Cursor(1, 64), 64, 0.5, 0.1, Double.NaN, 0, 0, 0),
                      40,
                      5,
                      8,
                      2.5,
                      0))));
    }

    @Override
    public List<JobStatus> list() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Subscription watch(String jobId, JobListener listener) {
      throw new UnsupportedOperationException();
    }
  }
}
