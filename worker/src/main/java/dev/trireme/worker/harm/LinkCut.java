package dev.trireme.worker.harm;

import dev.trireme.worker.harm.Guard.Deed;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Drops what one process sends and receives over UDP and TCP, and nothing else: packets from and to
 * the ports that it holds now. With {@code nft} where that is installed, else with {@code
 * iptables}; both rules end by the kernel's own clock too, so that even killing everybody leaves a
 * table that drops nothing. Between processes of one host packets are dropped where they arrive;
 * who sends to another host is told by the kernel that it may not, which is the one way in which
 * this differs from a cable that is cut.
 */
final class LinkCut {
  private static final Path PROC = Path.of("/proc");
  private static final int CHECK_SECONDS = 10;

  private static final String IPTABLES_ON =
      """
      for tool in $4; do
          "$tool" -w 5 -N "$3" || return 1
          for port in $2; do
            "$tool" -w 5 -A "$3" -p "${port%/*}" --dport "${port#*/}" -m time --datestop "$5" -j DROP || return 1
            "$tool" -w 5 -A "$3" -p "${port%/*}" --sport "${port#*/}" -m time --datestop "$5" -j DROP || return 1
          done
          "$tool" -w 5 -I INPUT 1 -j "$3" || return 1
          "$tool" -w 5 -I OUTPUT 1 ! -o lo -j "$3" || return 1
        done
      """;
  private static final String IPTABLES_OFF =
      """
      for tool in $4; do
          "$tool" -w 5 -D INPUT -j "$3"
          "$tool" -w 5 -D OUTPUT ! -o lo -j "$3"
          "$tool" -w 5 -F "$3"
          "$tool" -w 5 -X "$3"
        done
        true
      """;

  private LinkCut() {}

  /**
   * How to cut a process off.
   *
   * @param name of what is made for it in the kernel: letters, digits and '_', at most 24
   * @param lasting after which the kernel itself ends it
   * @throws HarmRefusedException when the process has no such link, or this machine does not let
   *     its agent cut one
   */
  static Deed of(long pid, String name, Duration lasting)
      throws HarmRefusedException, InterruptedException {
    List<Port> ports = ports(pid);
    if (ports.isEmpty()) {
      throw new HarmRefusedException(
          "process "
              + pid
              + " has no link that could be dropped: the ranks of its formation share this host and"
              + " speak through its memory");
    }
    long seconds = lasting.toSeconds() + 1;
    String rules =
        """
        table inet %1$s {
          set ports { type inet_proto . inet_service; flags timeout; timeout %2$ds; elements = { %3$s } }
          chain received { type filter hook input priority -300; meta l4proto . th dport @ports drop; meta l4proto . th sport @ports drop; }
          chain sent { type filter hook output priority -300; oifname != "lo" meta l4proto . th sport @ports drop; }
        }
        """
            .formatted(name, seconds, join(ports, " . ", ", "));
    if (isThere("nft")) {
      require("printf '%s' \"$1\" | nft -c -f -", rules);
      return new Deed(
          "printf '%s' \"$2\" | nft -f -", "nft delete table inet \"$3\"", List.of(rules, name));
    }
    if (!isThere("iptables")) {
      throw new HarmRefusedException(
          "neither nft nor iptables is installed here, one of which it takes to drop packets");
    }
    require("iptables -w 5 -S INPUT", "");
    String until =
        DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss")
            .withZone(ZoneOffset.UTC)
            .format(Instant.now().plusSeconds(seconds));
    String tools = isThere("ip6tables") ? "iptables ip6tables" : "iptables";
    return new Deed(
        IPTABLES_ON,
        IPTABLES_OFF,
        List.of(join(ports, "/", " "), name.toUpperCase(), tools, until));
  }

  private static String join(List<Port> ports, String inside, String between) {
    return ports.stream()
        .map(port -> port.protocol() + inside + port.number())
        .collect(Collectors.joining(between));
  }

  /**
   * A port of this host.
   *
   * @param protocol udp or tcp
   */
  record Port(String protocol, int number) {}

  /** The local ports of a process's sockets, by protocol and number. */
  static List<Port> ports(long pid) throws HarmRefusedException {
    Path process = PROC.resolve(String.valueOf(pid));
    Set<Port> ports = new HashSet<>();
    try {
      Set<String> sockets = sockets(process.resolve("fd"));
      for (String protocol : List.of("udp", "tcp")) {
        for (String file : List.of(protocol, protocol + "6")) {
          Path table = process.resolve("net").resolve(file);
          if (Files.isReadable(table)) {
            try (Stream<String> lines = Files.lines(table)) {
              lines
                  .skip(1)
                  .flatMap(line -> port(line, sockets).stream())
                  .forEach(number -> ports.add(new Port(protocol, number)));
            }
          }
        }
      }
    } catch (IOException e) {
      throw new HarmRefusedException(
          "the ports of process " + pid + " cannot be read: " + e.getMessage());
    }
    return ports.stream()
        .sorted(Comparator.comparing(Port::protocol).thenComparing(Port::number))
        .toList();
  }

  private static Set<String> sockets(Path descriptors) throws IOException {
    Set<String> inodes = new HashSet<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(descriptors)) {
      for (Path one : all) {
        String target = target(one);
        if (target.startsWith("socket:[")) {
          inodes.add(target.substring("socket:[".length(), target.length() - 1));
        }
      }
    }
    return inodes;
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException closedMeanwhile) {
      return "";
    }
  }

  /** A line is {@code sl local_address rem_address st queues tr retrnsmt uid timeout inode ...}. */
  private static Optional<Integer> port(String line, Set<String> sockets) {
    String[] fields = line.strip().split("\\s+");
    if (fields.length < 10 || !sockets.contains(fields[9])) {
      return Optional.empty();
    }
    int port = Integer.parseInt(fields[1].substring(fields[1].lastIndexOf(':') + 1), 16);
    return port == 0 ? Optional.empty() : Optional.of(port);
  }

  private static boolean isThere(String tool) {
    String path = System.getenv().getOrDefault("PATH", "") + ":/usr/sbin:/sbin";
    return Stream.of(path.split(":"))
        .filter(directory -> !directory.isEmpty())
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, tool)));
  }

  private static void require(String check, String argument)
      throws HarmRefusedException, InterruptedException {
    String said;
    try {
      Process process =
          new ProcessBuilder(
                  "/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; " + check, "sh", argument)
              .redirectErrorStream(true)
              .start();
      process.getOutputStream().close();
      if (!process.waitFor(CHECK_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        said = "no answer within " + CHECK_SECONDS + " s";
      } else if (process.exitValue() == 0) {
        return;
      } else {
        said = new String(process.getInputStream().readNBytes(500)).strip();
      }
    } catch (IOException e) {
      said = e.getMessage();
    }
    throw new HarmRefusedException(
        "this machine does not let its agent drop packets, for which it needs CAP_NET_ADMIN: "
            + said.lines().findFirst().orElse("no reason was given"));
  }
}
