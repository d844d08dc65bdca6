package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.coordinator.ClusterProbe;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.protocol.HarmKind;
import dev.trireme.protocol.JobState;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiServerTest {
  private static final String TOKEN = "0123456789abcdef0123456789abcdef";
  private static final String SPEC =
      """
      name: small
      model: {layers: [flatten, {linear: 10}]}
      data: {train: {format: strokes, items: 100, seed: 1}, batchSize: 10}
      train: {epochs: 1, loss: cross-entropy, optimizer: {sgd: {lr: 0.1}}}
      """;

  @TempDir Path directory;

  private final List<String> asked = new CopyOnWriteArrayList<>();
  private final Map<String, JobStatus> jobs = new ConcurrentSkipListMap<>();
  private volatile boolean standby;
  private volatile boolean handsOver;
  private ApiServer server;
  private ApiClient client;

  @BeforeEach
  void start() throws Exception {
    server = serve(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    client = client(TOKEN, address());
  }

  private ApiServer serve(InetSocketAddress where) throws Exception {
    return ApiServer.start(
        where,
        Optional.empty(),
        TOKEN,
        () -> standby ? Optional.empty() : Optional.of(new Jobs()),
        directory::resolve,
        new FileStore(directory.resolve(".files")));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private String address() {
    return "127.0.0.1:" + server.address().getPort();
  }

  private static ApiClient client(String token, String... addresses) throws Exception {
    return ApiClient.of(List.of(addresses), Optional.empty(), token, Duration.ofMillis(500));
  }

  @Test
  void shouldAcceptAJobAndSayHowItStands() throws Exception {
    assertThat(client.submit(SPEC, "me").path("job").asText()).isEqualTo("job-1");

    JsonNode shown = client.job("job-1").show();
    assertThat(shown.path("name").asText()).isEqualTo("small");
    assertThat(shown.path("state").asText()).isEqualTo("QUEUED");
    assertThat(shown.path("reason").asText()).isEqualTo("needs 1 slot");
    assertThat(shown.path("runDirectory").asText())
        .isEqualTo(directory.resolve("small").toString());
    assertThat(client.jobs()).hasSize(1);
    client.job("job-1").cancel(false);
    client.job("job-1").cancel(true);
    client.job("job-1").scale(3);
    client.resume("job-1");
    assertThat(asked)
        .containsExactly("submit small", "cancel", "cancel with checkpoint", "scale 3", "resume");
    assertThat(client.cluster().path("agents").path(0).path("free").asInt()).isEqualTo(1);
  }

  @Test
  void shouldHarmAJobAndShowItsEventsFromAnyByteOn() throws Exception {
    client.submit(SPEC, "me");
    JobChannel job = client.job("job-1");
    JsonNode done = job.harm(HarmKind.FREEZE, 1, Duration.ofSeconds(2), true);
    assertThat(done.path("pid").asLong()).isEqualTo(4711);
    assertThat(done.path("kind").asText()).isEqualTo("freeze");
    assertThat(asked)
        .contains(
            "harm " + new JobService.HarmOrder(HarmKind.FREEZE, 1, Duration.ofSeconds(2), true));
    assertThat(job.lines(JobChannel.RunFile.EVENTS, 0).text()).isEmpty();

    Files.createDirectories(directory.resolve("small"));
    Files.writeString(directory.resolve("small/events.jsonl"), "{\"a\":1}\n{\"b\":2}\n{\"c");
    JobChannel.Lines lines = job.lines(JobChannel.RunFile.EVENTS, 8);
    assertThat(lines.text()).isEqualTo("{\"b\":2}\n");
    assertThat(lines.next()).isEqualTo(16);
  }

  @Test
  void shouldRefuseAWrongSpecWithItsLine() {
    assertThatThrownBy(() -> client.submit(SPEC + "trian: 1\n", "me"))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("job:5:1")
        .hasMessageContaining("did you mean 'train'");
    assertThat(asked).isEmpty();
  }

  @Test
  void shouldOpenNoFileOfItsHostForAJob() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret"), "hunter2\n");
    Path rows = Files.writeString(directory.resolve("rows"), "- {ranks: 2, algorithm: ring}\n");
    for (Path file : List.of(secret, rows, directory.resolve("nowhere"))) {
      assertThatThrownBy(() -> client.submit(SPEC + "parallel: {algorithms: " + file + "}\n", "me"))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("job:5:24")
          .hasMessageContaining("expected the rows themselves, found '" + file + "'")
          .hasMessageNotContaining("hunter2")
          .hasMessageNotContaining("no such file");
    }
    assertThat(asked).isEmpty();
    String inline = "parallel: {algorithms: [{ranks: 2, algorithm: ring}]}\n";
    assertThat(client.submit(SPEC + inline, "me").path("job").asText()).isEqualTo("job-1");
  }

  @Test
  void shouldSayThatThereIsNoSuchJob() {
    assertThatThrownBy(() -> client.job("job-7").show())
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("there is no job 'job-7'");
    assertThatThrownBy(() -> client.log("job-7", 0, 0)).isInstanceOf(RefusedException.class);
  }

  @Test
  void shouldKeepShippedFilesByWhatIsInThem() throws Exception {
    byte[] bytes = new byte[FileStore.MAX_PIECE * 2 + 5];
    new java.util.Random(1).nextBytes(bytes);
    Path file = Files.write(directory.resolve("my model.pt"), bytes);
    Path there = Path.of(client.ship(file));
    assertThat(there).hasBinaryContent(bytes).hasFileName("my_model.pt");
    assertThat(there.getParent()).hasFileName(Sha256.of(file));
    assertThat(client.ship(file)).as("is there already").isEqualTo(there.toString());
    Path empty = Files.createFile(directory.resolve("empty.jar"));
    assertThat(Path.of(client.ship(empty))).isEmptyFile();
  }

  @Test
  void shouldThrowAwayAFileThatIsNotWhatItsHashSays() throws Exception {
    String wrong = "0".repeat(64);
    for (String path :
        List.of(
            "/v1/files/" + wrong + "/a.jar?offset=0&size=3",
            "/v1/files/" + wrong + "/a.jar?offset=5&size=8",
            "/v1/files/" + wrong + "/a.jar?offset=0&size=2",
            "/v1/files/ABC/a.jar?offset=0&size=3",
            "/v1/files/" + wrong + "/..%2Fa?offset=0&size=3",
            "/v1/files/" + wrong + "/a.part?offset=0&size=3")) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create("http://" + address() + path))
              .header("Authorization", "Bearer " + TOKEN)
              .PUT(HttpRequest.BodyPublishers.ofString("abc"))
              .build();
      int code =
          HttpClient.newHttpClient()
              .send(request, HttpResponse.BodyHandlers.discarding())
              .statusCode();
      assertThat(code).as(path).isIn(400, 404);
    }
    Path kept = directory.resolve(".files").resolve(wrong).resolve("a.jar");
    assertThat(kept).doesNotExist();
  }

  @Test
  void shouldDoNothingWithoutTheToken() throws Exception {
    for (String path : List.of("/v1/jobs", "/v1/cluster", "/v1/jobs/job-1/logs", "/", "/v2")) {
      for (String method : List.of("GET", "POST", "DELETE")) {
        HttpRequest request =
            HttpRequest.newBuilder(URI.create("http://" + address() + path))
                .method(method, HttpRequest.BodyPublishers.ofString("{\"spec\": \"\"}"))
                .header("Authorization", "Bearer ")
                .build();
        assertThat(
                HttpClient.newHttpClient()
                    .send(request, HttpResponse.BodyHandlers.discarding())
                    .statusCode())
            .isEqualTo(401);
      }
    }
    ApiClient wrong = client(TOKEN.replace('0', '1'), address());
    assertThatThrownBy(wrong::jobs)
        .isInstanceOf(RefusedException.class)
        .hasMessage("expected the cluster's token");
    assertThat(asked).isEmpty();
  }

  @Test
  void shouldFindTheActiveOfSeveralCoordinators() throws Exception {
    standby = true;
    assertThatThrownBy(() -> client.jobs())
        .isInstanceOf(UnreachableException.class)
        .hasMessageContaining("stands by");
    standby = false;

    ApiClient several = client(TOKEN, "127.0.0.1:1", address());
    assertThat(several.jobs()).isEmpty();
  }

  @Test
  void shouldSayThatNobodyIsThere() throws Exception {
    ApiClient nobody = client(TOKEN, "127.0.0.1:1");
    assertThatThrownBy(nobody::jobs)
        .isInstanceOf(UnreachableException.class)
        .hasMessageContaining("no active coordinator at 127.0.0.1:1");
  }

  @Test
  void shouldHaveTheNextOneAskedWhereItHandsOverMeanwhile() {
    handsOver = true;

    assertThatThrownBy(client::cluster)
        .isInstanceOf(UnreachableException.class)
        .hasMessageContaining("this coordinator stands by");
  }

  /** A typing error in an address is not worth the wait for a coordinator that takes over. */
  @Test
  void shouldNotWaitLongWhereNobodyHasEverAnswered() throws Exception {
    server.close();
    ApiClient stranger =
        ApiClient.of(
            List.of(address()),
            Optional.empty(),
            TOKEN,
            Duration.ofHours(1),
            Duration.ZERO,
            Deadlines.ANSWER);

    assertTimeoutPreemptively(
        Duration.ofMinutes(1),
        () ->
            assertThatThrownBy(stranger::jobs)
                .isInstanceOf(UnreachableException.class)
                .hasMessageContaining("no connection"));
  }

  @Test
  void shouldWaitForAClusterThatHasAnsweredBefore() throws Exception {
    ApiClient known =
        ApiClient.of(
            List.of(address()),
            Optional.empty(),
            TOKEN,
            Duration.ofHours(1),
            Duration.ZERO,
            Deadlines.ANSWER);
    known.jobs();
    server.close();
    CompletableFuture<JsonNode> waiting =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return known.jobs();
              } catch (UnreachableException | RefusedException e) {
                throw new IllegalStateException(e);
              }
            });
    server = serve(server.address());

    assertThat(waiting.get(1, TimeUnit.MINUTES)).isEmpty();
  }

  @Test
  void shouldNotSendTheTokenInClearOverANetwork() {
    for (String address : List.of("10.0.0.1:1", "127.evil.example:1", "localhost.example:1")) {
      assertThatThrownBy(() -> client(TOKEN, address))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("expected ca.pem");
    }
  }

  @Test
  void shouldHandOutALogInPiecesOfWholeLines() throws Exception {
    client.submit(SPEC, "me");
    Path logs = Files.createDirectories(directory.resolve("small/logs"));
    String first = "ü".repeat(30_000) + "\n" + "x".repeat(30_000) + "\n";
    Files.writeString(logs.resolve("rank-0.log"), first + "an unfinished");
    StringBuilder all = new StringBuilder();
    long offset = 0;
    for (ApiClient.LogPart part = client.log("job-1", 0, 0);
        !part.text().isEmpty();
        part = client.log("job-1", 0, offset)) {
      all.append(part.text());
      offset = part.next();
      assertThat(part.jobEnded()).isFalse();
    }
    assertThat(all.toString()).isEqualTo(first);
    assertThat(client.log("job-1", 5, 0).text()).isEmpty();
    assertThat(client.log("job-1", 0, 1_000_000).text()).startsWith("ü");
  }

  private final class Jobs implements JobService {
    @Override
    public ClusterProbe probe() {
      throw new UnsupportedOperationException();
    }

    @Override
    public ClusterStatus cluster() {
      if (handsOver) {
        standby = true;
        throw new CoordinatorException("it is not the active one any more");
      }
      return new ClusterStatus(
          "c", 1, List.of(new ClusterStatus.Agent("a", "h", 2, 1, 0, 0, 8, 0)));
    }

    @Override
    public String submit(JobSubmission submission) {
      asked.add("submit " + submission.job().name());
      String id = "job-" + (jobs.size() + 1);
      jobs.put(
          id,
          new JobStatus(
              id,
              submission.job().name(),
              JobState.QUEUED,
              "needs 1 slot",
              submission.user(),
              0,
              Instant.EPOCH,
              0,
              0,
              Optional.empty(),
              Optional.empty(),
              submission.runDirectory(),
              Optional.empty()));
      return id;
    }

    @Override
    public void cancel(String jobId, String reason) {
      asked.add("cancel");
    }

    @Override
    public void scale(String jobId, int workers) {
      asked.add("scale " + workers);
    }

    @Override
    public void scaleServers(String jobId, int servers) {
      asked.add("scale " + servers);
    }

    @Override
    public Harmed harm(String jobId, HarmOrder order) {
      asked.add("harm " + order);
      return new Harmed(order, 3, 4711, Instant.EPOCH, "stopped");
    }

    @Override
    public void resume(String jobId) {
      asked.add("resume");
    }

    @Override
    public void cancelWithCheckpoint(String jobId, String reason) {
      asked.add("cancel with checkpoint");
    }

    @Override
    public Optional<JobStatus> status(String jobId) {
      return Optional.ofNullable(jobs.get(jobId));
    }

    @Override
    public List<JobStatus> list() {
      return new ArrayList<>(jobs.values());
    }

    @Override
    public Subscription watch(String jobId, JobListener listener) {
      throw new CoordinatorException("not asked for");
    }
  }
}
