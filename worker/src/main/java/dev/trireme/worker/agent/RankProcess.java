package dev.trireme.worker.agent;

import dev.trireme.protocol.HostDevice;
import dev.trireme.worker.channel.Bootstrap;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The operating system's side of a rank: its process, its pipes, its end. The agent holds its
 * standard input open; the process ends itself when that closes.
 */
final class RankProcess {
  private static final Logger LOG = LoggerFactory.getLogger(RankProcess.class);

  private static final String VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES";

  /** Grandchildren may hold the output's pipe open; its last lines are not waited for longer. */
  private static final long OUTPUT_MILLIS = 1000;

  private final Process process;
  private final Optional<HostDevice> device;
  private final OutputStream input;
  private final RankLog log;
  private final CompletableFuture<Integer> exited;

  private RankProcess(Process process, RankLog log, Optional<HostDevice> device) {
    this.process = process;
    this.device = device;
    this.input = process.getOutputStream();
    this.log = log;
    this.exited =
        process
            .onExit()
            .thenCompose(
                p ->
                    log.ended()
                        .copy()
                        .completeOnTimeout(null, OUTPUT_MILLIS, TimeUnit.MILLISECONDS))
            .thenApply(nothing -> process.exitValue());
  }

  /**
   * Starts a process.
   *
   * @param noLibraries an empty directory, for the library path
   * @param device the only one that it is to see; all of the host's when empty
   * @throws IOException when it cannot be started; nothing is left behind
   */
  static RankProcess start(
      RankCommand command,
      Bootstrap bootstrap,
      Path noLibraries,
      OptionalInt threads,
      Optional<HostDevice> device)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(commandLine(command, bootstrap, noLibraries)).redirectErrorStream(true);
    RankEnvironment.adapt(
        builder.environment(), threads, command.environment(), RankEnvironment::holdsLibtorch);
    device.ifPresent(d -> builder.environment().put(VISIBLE_DEVICES, DeviceDeal.visible(d)));
    Process process = builder.start();
    RankLog log = new RankLog();
    log.pump(process.getInputStream(), "agent-log-slot-" + bootstrap.slot());
    RankProcess rank = new RankProcess(process, log, device);
    rank.write(bootstrap.secretLine());
    return rank;
  }

  private static List<String> commandLine(
      RankCommand command, Bootstrap bootstrap, Path noLibraries) {
    List<String> line = new ArrayList<>();
    line.add(command.java().toString());
    line.add("-Djava.library.path=" + noLibraries);
    // How a process ended must be seen from outside: by its exit code and in its log.
    line.add("-XX:+ExitOnOutOfMemoryError");
    line.add("-XX:+ErrorFileToStderr");
    line.addAll(command.jvmFlags());
    line.add("-cp");
    line.add(command.classPath());
    line.add(command.mainClass());
    line.addAll(bootstrap.arguments());
    return line;
  }

  private void write(byte[] line) {
    try {
      input.write(line);
      input.flush();
    } catch (IOException e) {
      LOG.debug("process {} has ended before it read its secret", pid(), e);
    }
  }

  /** The device that it sees; empty where the host has none. */
  Optional<HostDevice> device() {
    return device;
  }

  long pid() {
    return process.pid();
  }

  RankLog log() {
    return log;
  }

  /** Done with the exit code once the process is gone and its output read. */
  CompletableFuture<Integer> exited() {
    return exited;
  }

  /** The process ends itself on that, whatever it is doing. */
  void closeInput() {
    try {
      input.close();
    } catch (IOException e) {
      LOG.debug("closing the standard input of process {}", pid(), e);
    }
  }

  void kill() {
    process.destroyForcibly();
  }
}
