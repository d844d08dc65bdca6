package dev.trireme.launcher.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.launcher.Standins;
import dev.trireme.protocol.HostDevice;
import dev.trireme.protocol.HostDevice.Link;
import dev.trireme.protocol.HostDevice.LinkKind;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceSurveyTest {
  @TempDir Path directory;

  @Test
  void shouldReadDevicesAndLinksOffTheDriver() throws Exception {
    DeviceSurvey survey = DeviceSurvey.take(standin(), Optional.empty());

    assertThat(survey.none()).isEmpty();
    assertThat(survey.driver()).isEqualTo("580.1");
    assertThat(survey.cuda()).isEqualTo("13.0");
    assertThat(survey.devices())
        .as("those that NVLink joins come first")
        .extracting(HostDevice::index)
        .containsExactly(1, 2, 0, 3);
    assertThat(survey.devices().get(0))
        .isEqualTo(
            new HostDevice(
                1,
                "GPU-00000001",
                "Stand-in 1",
                80L << 30,
                69L << 30,
                "00000000:02:00.0",
                List.of(
                    new Link(0, LinkKind.HOST_BRIDGE, 0),
                    new Link(2, LinkKind.NVLINK, 4),
                    new Link(3, LinkKind.HOST_BRIDGE, 0))));
    assertThat(survey.devices().get(2).links())
        .extracting(Link::word)
        .containsExactly("PHB", "PHB", "PHB");
  }

  @Test
  void shouldSeeOnlyWhatTheEnvironmentShows() throws Exception {
    Libraries driver = standin();
    assertThat(DeviceSurvey.take(driver, Optional.of("2")).devices())
        .extracting(HostDevice::index)
        .containsExactly(2);
    assertThat(DeviceSurvey.take(driver, Optional.of("GPU-00000000, 1")).devices())
        .extracting(HostDevice::index)
        .containsExactlyInAnyOrder(0, 1);
    DeviceSurvey hidden = DeviceSurvey.take(driver, Optional.of("-1"));
    assertThat(hidden.devices()).isEmpty();
    assertThat(hidden.none()).isEqualTo("CUDA_VISIBLE_DEVICES='-1' hides all 4 devices");
  }

  @Test
  void shouldSayWhereADriverWasLookedForAndLoadNothing() {
    DeviceSurvey survey = DeviceSurvey.take(new Libraries(List.of(directory)), Optional.empty());
    assertThat(survey.devices()).isEmpty();
    assertThat(survey.none()).contains("libnvidia-ml.so.1").contains(directory.toString());
  }

  @Test
  void shouldCallAMachineHealthyThatHasNoGpuAndNeedsNone() {
    Libraries nowhere = new Libraries(List.of(directory));
    DeviceSurvey none = DeviceSurvey.take(nowhere, Optional.empty());
    Doctor.Report without = new Doctor(nowhere, none, false).report();
    Doctor.Report wanted = new Doctor(nowhere, none, true).report();
    assertThat(state(without, "NVIDIA driver")).isEqualTo(Doctor.State.NONE);
    assertThat(state(without, "NCCL")).isEqualTo(Doctor.State.NONE);
    assertThat(state(wanted, "NVIDIA driver")).isEqualTo(Doctor.State.FAIL);
    assertThat(wanted.isHealthy()).isFalse();
  }

  private static Doctor.State state(Doctor.Report report, String what) {
    return report.findings().stream()
        .filter(f -> f.what().equals(what))
        .findFirst()
        .orElseThrow()
        .state();
  }

  /** A folder with the stand-in for the driver's library, or the test is skipped. */
  private static Libraries standin() throws Exception {
    return new Libraries(List.of(Standins.folder()));
  }
}
