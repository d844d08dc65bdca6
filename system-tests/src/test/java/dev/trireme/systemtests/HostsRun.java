package dev.trireme.systemtests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A cluster on the hosts of a {@link HostNetwork}: a coordinator and an agent on each. */
final class HostsRun implements AutoCloseable {
  private static final long STOP_SECONDS = 20;

  private final Path directory;
  private final HostNetwork hosts;
  private final Map<String, Process> services = new TreeMap<>();

  HostsRun(Path directory, HostNetwork hosts) throws Exception {
    this.directory = directory;
    this.hosts = hosts;
    ClusterRun.Done made = on(1, "cluster", "init", "credentials");
    if (made.code() != 0) {
      throw new AssertionError(made.err());
    }
  }

  void coordinator(int host) throws IOException {
    Path config = directory.resolve("coordinator" + host + ".yaml");
    Files.writeString(
        config,
        """
        name: c%1$d
        listen: %2$s:7400
        coordinators: [%3$s]
        api: %2$s:7401
        health: 127.0.0.1:7402
        credentials: credentials
        stateDirectory: state-%1$d
        runs: runs
        """
            .formatted(host, HostNetwork.address(host), all(7400)));
    service(host, "coordinator" + host, "", "coordinator", "--config", config.toString());
  }

  /**
   * @param first shell commands that this host runs before, with what nobody else sees
   */
  void agent(int host, int slots, String first) throws IOException {
    service(
        host,
        "agent" + host,
        first,
        "agent",
        "--join",
        all(7400),
        "--name",
        "a" + host,
        "--slots",
        String.valueOf(slots),
        "--credentials",
        "credentials");
  }

  private static String all(int port) {
    List<String> all = new ArrayList<>();
    for (int host = 1; host <= 3; host++) {
      all.add(HostNetwork.address(host) + ":" + port);
    }
    return String.join(",", all);
  }

  private void service(int host, String name, String first, String... arguments)
      throws IOException {
    services.put(
        name,
        builder(host, first, arguments)
            .redirectOutput(directory.resolve(name + ".out").toFile())
            .redirectError(ProcessBuilder.Redirect.appendTo(log(name).toFile()))
            .start());
  }

  Path log(String name) {
    return directory.resolve(name + ".err");
  }

  /** Ends a service, and with an agent its host's ranks, as a power cut would. */
  void kill(String name) throws InterruptedException {
    Process process = services.remove(name);
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly().waitFor(STOP_SECONDS, TimeUnit.SECONDS);
  }

  /** A service that may end from now on without that being a fault. */
  Process expectEnd(String name) {
    return services.remove(name);
  }

  /** Runs a command of a user to its end on a host, against the cluster. */
  ClusterRun.Done ask(int host, String... arguments) throws Exception {
    List<String> whole = new ArrayList<>(List.of(arguments));
    whole.addAll(List.of("--cluster", all(7401), "--credentials", "credentials"));
    return on(host, whole.toArray(String[]::new));
  }

  /** Submits a job, again where another coordinator was just taking over. */
  String submit(String job, String... settings) throws Exception {
    List<String> whole = new ArrayList<>(List.of("job", "submit", job));
    for (String setting : settings) {
      whole.addAll(List.of("--set", setting));
    }
    List<String> ids = new ArrayList<>();
    await(
        "a job's number",
        () -> {
          ClusterRun.Done done = ask(1, whole.toArray(String[]::new));
          ids.add(done.out().strip());
          return done.code() == 0;
        });
    return ids.get(ids.size() - 1);
  }

  /** How a job stands, in a field of its. */
  String field(String job, String name) throws Exception {
    ClusterRun.Done shown = ask(2, "job", "show", job, "--json");
    return shown.code() == 0 ? shown.field(name) : "";
  }

  ClusterRun.Done on(int host, String... arguments) throws Exception {
    Path out = Files.createTempFile(directory, "command", ".txt");
    Path err = Files.createTempFile(directory, "command", ".txt");
    Process process =
        builder(host, "", arguments)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    if (!process.waitFor(2 * TriremeRun.DEADLINE.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("not over: " + List.of(arguments) + Files.readString(err));
    }
    return new ClusterRun.Done(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  private ProcessBuilder builder(int host, String first, String... arguments) {
    List<String> command = new ArrayList<>(hosts.on(host, first));
    command.add(TriremeRun.home().resolve("trireme").toString());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.environment().put("TRIREME_BUILD", "never");
    builder.environment().remove("TRIREME_CLUSTER");
    builder.environment().remove("TRIREME_CREDENTIALS");
    return builder;
  }

  /** Waits for a condition while all services run. */
  void await(String what, ClusterRun.Condition condition) throws Exception {
    long deadline = System.nanoTime() + 2 * TriremeRun.DEADLINE.toNanos();
    while (!condition.holds()) {
      for (Map.Entry<String, Process> service : services.entrySet()) {
        if (!service.getValue().isAlive()) {
          throw new AssertionError(service.getKey() + " ended before " + what + logs());
        }
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError("no " + what + logs());
      }
      LockSupport.parkNanos(200_000_000);
    }
  }

  private String logs() throws IOException {
    StringBuilder text = new StringBuilder();
    for (String name : services.keySet()) {
      String log = Files.readString(log(name));
      text.append("\n").append(name).append(":\n");
      text.append(log.substring(Math.max(0, log.length() - 3000)));
    }
    return text.toString();
  }

  @Override
  public void close() {
    // Agents first, while there is somebody to take their leave of.
    for (String kind : List.of("agent", "coordinator")) {
      List<Process> these =
          services.entrySet().stream()
              .filter(e -> e.getKey().startsWith(kind))
              .map(Map.Entry::getValue)
              .toList();
      these.forEach(Process::destroy);
      these.forEach(HostsRun::awaitEnd);
    }
    services.clear();
  }

  private static void awaitEnd(Process process) {
    try {
      if (process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
