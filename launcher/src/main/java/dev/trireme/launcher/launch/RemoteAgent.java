package dev.trireme.launcher.launch;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * An agent on a host, behind an ssh client: it lives as long as that client does, and what it
 * prints is in a file here.
 *
 * <p>Threading: one owner.
 */
final class RemoteAgent implements AutoCloseable {
  /** Longer than an agent takes to end its ranks. */
  private static final int END_SECONDS = 25;

  private static final int LAST_LINES = 5;

  private final LaunchHost host;
  private final Path log;
  private final Process ssh;

  private RemoteAgent(LaunchHost host, Path log, Process ssh) {
    this.host = host;
    this.log = log;
    this.ssh = ssh;
  }

  /**
   * Starts it; it has joined some time later.
   *
   * @param client the ssh client and its options
   * @param command what runs on the host
   * @param input what that reads first
   * @param log what ssh and the agent print
   * @throws IOException when there is no such client
   */
  static RemoteAgent start(
      LaunchHost host, List<String> client, String command, String input, Path log)
      throws IOException {
    List<String> words = new ArrayList<>(client);
    words.add(host.destination());
    words.add(command);
    Process ssh =
        new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    RemoteAgent agent = new RemoteAgent(host, log, ssh);
    try {
      OutputStream stdin = ssh.getOutputStream();
      stdin.write(input.getBytes(StandardCharsets.UTF_8));
      stdin.flush();
    } catch (IOException e) {
      // It has ended already; why is in the log, and asked for by whoever waits.
    }
    return agent;
  }

  LaunchHost host() {
    return host;
  }

  /** Why it is over, with what it printed last; empty while it runs. */
  Optional<String> end() {
    if (ssh.isAlive()) {
      return Optional.empty();
    }
    int code = ssh.exitValue();
    String why = code == 255 ? "ssh failed" : "its agent ended with exit code " + code;
    return Optional.of(host.destination() + ": " + why + lastLines());
  }

  private String lastLines() {
    try {
      List<String> lines = Files.readString(log).lines().toList();
      StringBuilder text = new StringBuilder();
      lines.stream()
          .skip(Math.max(0, lines.size() - LAST_LINES))
          .forEach(line -> text.append("\n  | ").append(line));
      return text.toString();
    } catch (IOException e) {
      return "";
    }
  }

  /** Says that it is to end; returns at once. */
  void leave() {
    try {
      ssh.getOutputStream().close();
    } catch (IOException e) {
      // Whatever was to be written: the connection is over.
    }
  }

  /** Ends it and waits until it has, 25 seconds at most; the host ends it for itself after that. */
  @Override
  public void close() {
    leave();
    try {
      if (!ssh.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        ssh.destroyForcibly();
      }
    } catch (InterruptedException e) {
      ssh.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
