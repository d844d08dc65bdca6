package dev.trireme.launcher.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.launcher.cli.cluster.ClusterOptions;
import dev.trireme.launcher.device.DeviceSurvey;
import dev.trireme.launcher.device.Doctor;
import dev.trireme.protocol.HostDevice;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code trireme doctor}: what this machine has, and what to mend. */
@Command(
    name = "doctor",
    header = "Shows what this machine has to train with, and what to mend.",
    description = {
      "Looks at Java, memory, the CUDA driver with its devices and the links between them, and the"
          + " libraries for CUDA. Changes nothing. Exit code 1 when something has to be mended."
    },
    footerHeading = "%nLinks:%n",
    footer = {
      "  NV18 eighteen NVLinks; PIX one PCIe switch; PXB several; PHB the CPU's PCIe bridge;",
      "  NODE, SYS bridges of one or of several CPUs"
    })
final class DoctorCommand implements Callable<Integer> {
  private final Console console;
  private final Supplier<Doctor.Report> doctor;

  @Option(names = "--json", description = "Prints JSON for programs.")
  private boolean json;

  @Option(
      names = "--cluster",
      paramLabel = "HOST:PORT",
      arity = "0..1",
      fallbackValue = "",
      description =
          "Looks at the hosts of a cluster and the ways between them in place of this machine. The"
              + " cluster is found as by other commands where none is named here.")
  private Optional<String> cluster = Optional.empty();

  @Option(
      names = "--credentials",
      paramLabel = "DIR",
      description = "Directory with ca.pem and api-token, for --cluster.")
  private Optional<Path> credentials = Optional.empty();

  DoctorCommand(Console console, Supplier<Doctor.Report> doctor) {
    this.console = console;
    this.doctor = doctor;
  }

  @Override
  public Integer call() throws Exception {
    if (cluster.isPresent()) {
      return new ClusterDoctor(console, json)
          .run(new ClusterOptions(cluster.filter(c -> !c.isEmpty()), credentials));
    }
    Doctor.Report report = doctor.get();
    if (json) {
      console
          .out()
          .println(
              new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(tree(report)));
    } else {
      print(report);
    }
    return report.isHealthy() ? ExitCode.DONE : ExitCode.FAILED;
  }

  private void print(Doctor.Report report) {
    Table findings = new Table("lll");
    for (Doctor.Finding finding : report.findings()) {
      findings.row(finding.what(), word(finding.state()), finding.found());
    }
    console.out().println(findings);
    if (!report.devices().devices().isEmpty()) {
      console.out().println();
      console.out().println(devices(report.devices()));
    }
    for (Doctor.Finding finding : report.findings()) {
      if (!finding.mend().isEmpty() && finding.state() != Doctor.State.OK) {
        console.out().println(finding.what() + ": " + finding.mend());
      }
    }
  }

  /** In the order in which ranks get them, with a column of links for each. */
  private static Table devices(DeviceSurvey survey) {
    int count = survey.devices().size();
    Table table = new Table("rlrrll" + "l".repeat(count));
    String[] head = new String[6 + count];
    head[0] = "GPU";
    head[1] = "name";
    head[2] = "memory";
    head[3] = "free";
    head[4] = "PCI";
    head[5] = "UUID";
    for (int i = 0; i < count; i++) {
      head[6 + i] = "to " + survey.devices().get(i).index();
    }
    table.row(head);
    for (HostDevice device : survey.devices()) {
      String[] row = new String[6 + count];
      row[0] = Integer.toString(device.index());
      row[1] = device.name();
      row[2] = Doctor.bytes(device.totalBytes());
      row[3] = Doctor.bytes(device.freeBytes());
      row[4] = device.pciBusId();
      row[5] = device.uuid();
      for (int i = 0; i < count; i++) {
        row[6 + i] = link(device, survey.devices().get(i));
      }
      table.row(row);
    }
    return table;
  }

  private static String link(HostDevice device, HostDevice peer) {
    return device.links().stream()
        .filter(l -> l.peer() == peer.index())
        .map(HostDevice.Link::word)
        .findFirst()
        .orElse("-");
  }

  private static ObjectNode tree(Doctor.Report report) {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("healthy", report.isHealthy());
    ArrayNode findings = root.putArray("findings");
    for (Doctor.Finding finding : report.findings()) {
      findings
          .addObject()
          .put("what", finding.what())
          .put("state", word(finding.state()))
          .put("found", finding.found())
          .put("mend", finding.mend());
    }
    root.put("driver", report.devices().driver());
    root.put("cuda", report.devices().cuda());
    ArrayNode devices = root.putArray("devices");
    for (HostDevice device : report.devices().devices()) {
      ObjectNode node = devices.addObject();
      node.put("index", device.index())
          .put("uuid", device.uuid())
          .put("name", device.name())
          .put("totalBytes", device.totalBytes())
          .put("freeBytes", device.freeBytes())
          .put("pciBusId", device.pciBusId());
      ArrayNode links = node.putArray("links");
      device.links().forEach(l -> links.addObject().put("peer", l.peer()).put("kind", l.word()));
    }
    return root;
  }

  private static String word(Doctor.State state) {
    return state.name().toLowerCase(Locale.ROOT);
  }
}
