package dev.trireme.launcher.control;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** What this host is called. */
public final class HostName {
  private HostName() {}

  /** By the resolver, else by the kernel; {@code localhost} where neither knows. */
  public static String ofThisHost() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return kernels().orElse("localhost");
    }
  }

  /** What tells this run of the kernel from any other; empty where there is no such thing. */
  static String boot() {
    return read("random/boot_id").orElse("");
  }

  private static Optional<String> kernels() {
    return read("hostname");
  }

  private static Optional<String> read(String what) {
    try {
      return Optional.of(Files.readString(Path.of("/proc/sys/kernel").resolve(what)).strip())
          .filter(text -> !text.isEmpty());
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
