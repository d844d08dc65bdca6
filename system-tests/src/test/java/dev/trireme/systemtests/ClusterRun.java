package dev.trireme.systemtests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A cluster of processes on this machine, as a user would start it, and commands against it. */
final class ClusterRun implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The credentials that this cluster is started with. */
  static final String SHARED = "credentials";

  private final Path directory;
  private final Map<String, String> environment;
  private final List<Process> services = new ArrayList<>();

  /** What a command did. */
  record Done(int code, String out, String err) {
    JsonNode json() throws IOException {
      return JSON.readTree(out);
    }

    String field(String name) throws IOException {
      return json().path(name).asText();
    }
  }

  /** In this directory, with credentials of its own. */
  ClusterRun(Path directory) throws Exception {
    this(directory, Map.of());
  }

  /** The same with more in the environment of all processes. */
  ClusterRun(Path directory, Map<String, String> environment) throws Exception {
    this.directory = directory;
    this.environment = Map.copyOf(environment);
    Done made = plain("cluster", "init", SHARED);
    if (made.code() != 0) {
      throw new AssertionError(made.err());
    }
  }

  /** Starts a coordinator, the only one, and waits until it is ready. */
  Process coordinator(String name) throws Exception {
    return coordinator(name, 0, List.of());
  }

  /** Starts one of several coordinators and waits until it serves, active or standing by. */
  Process coordinator(String name, int port, List<Integer> all) throws Exception {
    String others = all.stream().map(p -> "'127.0.0.1:" + p + "'").toList().toString();
    return configured(name, port, "credentials: " + SHARED + "\ncoordinators: " + others + "\n");
  }

  /** Starts a coordinator that is given no credentials, and waits until it is ready. */
  Process withoutCredentials(String name) throws Exception {
    return configured(name, 0, "");
  }

  private Process configured(String name, int port, String more) throws Exception {
    Path config = directory.resolve(name + ".yaml");
    String text =
        """
        name: %1$s
        listen: 127.0.0.1:%2$d
        api: 127.0.0.1:0
        health: 127.0.0.1:0
        stateDirectory: state-%1$s
        runs: runs
        """
            .formatted(name, port);
    Files.writeString(config, text + more);
    Files.deleteIfExists(addressesFile(name));
    Process process = service(name, "coordinator", "--config", config.toString());
    await("addresses of " + name, process, () -> Files.exists(addressesFile(name)));
    return process;
  }

  /** Starts an agent; it has joined some time after this returns. */
  Process agent(String name, int slots, String... coordinators) throws Exception {
    List<String> join = new ArrayList<>();
    for (String coordinator : coordinators) {
      join.add(addresses(coordinator).path("control").asText());
    }
    return joining(name, slots, join, SHARED);
  }

  /** The same where coordinators have these ports, whether they run or not. */
  Process agentAt(String name, int slots, List<Integer> ports) throws Exception {
    return joining(name, slots, ports.stream().map(p -> "127.0.0.1:" + p).toList(), SHARED);
  }

  /** The same with these credentials, at these addresses. */
  Process joining(String name, int slots, List<String> join, String credentials)
      throws IOException {
    return service(
        name,
        "agent",
        "--join",
        String.join(",", join),
        "--name",
        name,
        "--slots",
        String.valueOf(slots),
        "--credentials",
        credentials);
  }

  /** Where a coordinator can be reached. */
  JsonNode addresses(String coordinator) throws IOException {
    return JSON.readTree(addressesFile(coordinator).toFile());
  }

  private Path addressesFile(String name) {
    return directory.resolve("state-" + name).resolve("addresses.json");
  }

  private Process service(String name, String... arguments) throws IOException {
    Process process =
        builder(arguments)
            .redirectOutput(directory.resolve(name + ".out").toFile())
            .redirectError(ProcessBuilder.Redirect.appendTo(log(name).toFile()))
            .start();
    services.add(process);
    return process;
  }

  /** What a service has logged. */
  Path log(String name) {
    return directory.resolve(name + ".err");
  }

  /** Runs a command to its end against these coordinators. */
  Done ask(String coordinators, String... arguments) throws Exception {
    List<String> addresses = new ArrayList<>();
    for (String name : coordinators.split(",")) {
      addresses.add(addresses(name).path("api").asText());
    }
    List<String> all = new ArrayList<>(Arrays.asList(arguments));
    all.addAll(List.of("--cluster", String.join(",", addresses), "--credentials", SHARED));
    return plain(all.toArray(String[]::new));
  }

  /** Runs a command to its end. */
  Done plain(String... arguments) throws Exception {
    Path out = Files.createTempFile(directory, "command", ".out");
    Path err = Files.createTempFile(directory, "command", ".err");
    Process process =
        builder(arguments).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    if (!process.waitFor(TriremeRun.DEADLINE.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("not over: " + List.of(arguments) + Files.readString(err));
    }
    return new Done(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  private ProcessBuilder builder(String... arguments) {
    List<String> command =
        new ArrayList<>(List.of(TriremeRun.home().resolve("trireme").toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.environment().put("TRIREME_BUILD", "never");
    builder.environment().put("XDG_CACHE_HOME", directory.resolve("cache").toString());
    builder.environment().remove("TRIREME_CLUSTER");
    builder.environment().remove("TRIREME_CREDENTIALS");
    builder.environment().putAll(environment);
    return builder;
  }

  /** Something that may come true. */
  @FunctionalInterface
  interface Condition {
    boolean holds() throws Exception;
  }

  /** Waits for a condition while a process runs. */
  void await(String what, Process process, Condition condition) throws Exception {
    long deadline = System.nanoTime() + TriremeRun.DEADLINE.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > deadline || !process.isAlive()) {
        throw new AssertionError(
            (process.isAlive() ? "no " : "ended before ") + what + "; logs:\n" + logs());
      }
      LockSupport.parkNanos(50_000_000);
    }
  }

  /** Ports that nobody listens at now. */
  static List<Integer> freePorts(int count) throws IOException {
    List<ServerSocket> sockets = new ArrayList<>();
    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ServerSocket socket = new ServerSocket(0);
      sockets.add(socket);
      ports.add(socket.getLocalPort());
    }
    for (ServerSocket socket : sockets) {
      socket.close();
    }
    return ports;
  }

  /** What all services have logged. */
  String logs() throws IOException {
    StringBuilder text = new StringBuilder();
    try (var files = Files.newDirectoryStream(directory, "*.err")) {
      for (Path file : files) {
        text.append(file.getFileName()).append(":\n").append(Files.readString(file));
      }
    }
    return text.toString();
  }

  @Override
  public void close() {
    for (Process service : services) {
      service.descendants().forEach(ProcessHandle::destroyForcibly);
      service.destroyForcibly();
    }
  }
}
