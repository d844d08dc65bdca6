package dev.trireme.launcher.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.launcher.device.DeviceSurvey;
import dev.trireme.launcher.device.Doctor;
import dev.trireme.launcher.device.Doctor.Finding;
import dev.trireme.launcher.device.Doctor.State;
import dev.trireme.protocol.HostDevice;
import dev.trireme.protocol.HostDevice.Link;
import dev.trireme.protocol.HostDevice.LinkKind;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What a person, and what a program, gets to see of a machine. */
class DoctorCommandTest {
  private static final DeviceSurvey TWO =
      new DeviceSurvey(
          "580.1",
          "13.0",
          List.of(
              new HostDevice(
                  1,
                  "GPU-b",
                  "H200",
                  141L << 30,
                  70L << 30,
                  "00000000:02:00.0",
                  List.of(new Link(0, LinkKind.NVLINK, 18))),
              new HostDevice(
                  0, "GPU-a", "H200", 141L << 30, 512L << 20, "00000000:01:00.0", List.of())),
          "");
  private static final DeviceSurvey NONE = new DeviceSurvey("", "", List.of(), "no driver");
  private static final Finding FINE = new Finding("Java", State.OK, "17", "");
  private static final Finding BAD = new Finding("NCCL", State.FAIL, "none", "install NCCL 2");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private int run(Doctor.Report report, String... arguments) {
    PrintStream stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    Console console = new Console(stream, stream, false, 100);
    return new CommandLine(new DoctorCommand(console, () -> report)).execute(arguments);
  }

  private List<String> lines() {
    return out.toString(StandardCharsets.UTF_8).lines().map(String::stripTrailing).toList();
  }

  @Test
  void shouldShowDevicesInTheOrderInWhichRanksGetThemWithAColumnOfLinksForEach() {
    assertThat(run(new Doctor.Report(List.of(FINE), TWO))).isZero();
    assertThat(lines())
        .containsExactly(
            "Java  ok  17",
            "",
            "GPU  name     memory      free  PCI               UUID   to 1  to 0",
            "  1  H200  141.0 GiB  70.0 GiB  00000000:02:00.0  GPU-b  -     NV18",
            "  0  H200  141.0 GiB   512 MiB  00000000:01:00.0  GPU-a  -     -");
  }

  @Test
  void shouldSayWhatToMendAndEndWithOneWhereSomethingHasToBe() {
    assertThat(run(new Doctor.Report(List.of(FINE, BAD), NONE))).isEqualTo(1);
    assertThat(lines())
        .containsExactly("Java  ok    17", "NCCL  fail  none", "NCCL: install NCCL 2");
  }

  @Test
  void shouldSayTheSameToPrograms() throws Exception {
    assertThat(run(new Doctor.Report(List.of(FINE, BAD), TWO), "--json")).isEqualTo(1);
    JsonNode root = new ObjectMapper().readTree(out.toByteArray());
    assertThat(root.path("healthy").asBoolean(true)).isFalse();
    assertThat(root.path("findings").get(1).path("mend").asText()).isEqualTo("install NCCL 2");
    assertThat(root.path("findings").get(1).path("state").asText()).isEqualTo("fail");
    assertThat(root.path("driver").asText()).isEqualTo("580.1");
    assertThat(root.path("cuda").asText()).isEqualTo("13.0");
    JsonNode first = root.path("devices").get(0);
    assertThat(first.path("index").asInt()).isEqualTo(1);
    assertThat(first.path("uuid").asText()).isEqualTo("GPU-b");
    assertThat(first.path("totalBytes").asLong()).isEqualTo(141L << 30);
    assertThat(first.path("freeBytes").asLong()).isEqualTo(70L << 30);
    assertThat(first.path("links").get(0).path("peer").asInt()).isZero();
    assertThat(first.path("links").get(0).path("kind").asText()).isEqualTo("NV18");
    assertThat(root.path("devices").get(1).path("links")).isEmpty();
  }
}
