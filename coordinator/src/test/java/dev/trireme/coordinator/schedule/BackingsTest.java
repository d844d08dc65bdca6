package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParallelSpec.BackendKind;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.schedule.Backings.Chosen;
import dev.trireme.coordinator.schedule.Backings.HostDevices;
import dev.trireme.coordinator.schedule.Backings.Impossible;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.protocol.Backing;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class BackingsTest {
  private static final List<Placement> TWO_RANKS = List.of(new Placement("a", List.of(0, 1)));

  @Test
  void shouldComputeOnDevicesOverNcclWhereEveryRankHasOne() {
    Backing backing = chosen(DeviceKind.AUTO, BackendKind.AUTO, 2);
    assertThat(backing.words()).isEqualTo("cuda over nccl");
    assertThat(backing.reason()).contains("every rank has a device of its own");
  }

  @Test
  void shouldSendGradientsThroughTheHostWhereRanksShareADevice() {
    Backing backing = chosen(DeviceKind.AUTO, BackendKind.AUTO, 1);
    assertThat(backing.words()).isEqualTo("cuda over aeron");
    assertThat(backing.reason())
        .contains("2 ranks share the 1 CUDA device of host h, and NCCL needs one for each");
  }

  @Test
  void shouldStayOnTheCpuWhereAHostHasNoDeviceAndSayWhy() {
    Backing backing = chosen(DeviceKind.AUTO, BackendKind.AUTO, 0);
    assertThat(backing.words()).isEqualTo("cpu over aeron");
    assertThat(backing.reason()).contains("no CUDA device on host h: no driver");
  }

  @Test
  void shouldObeyWhatTheJobNames() {
    assertThat(chosen(DeviceKind.CPU, BackendKind.AUTO, 2).words()).isEqualTo("cpu over aeron");
    assertThat(chosen(DeviceKind.CUDA, BackendKind.AERON, 2).words()).isEqualTo("cuda over aeron");
    assertThat(chosen(DeviceKind.CUDA, BackendKind.NCCL, 2).words()).isEqualTo("cuda over nccl");
  }

  @Test
  void shouldRefuseWhatTheHostsDoNotHave() {
    assertThat(impossible(DeviceKind.CUDA, BackendKind.AUTO, 0))
        .isEqualTo("parallel.device: cuda: no CUDA device on host h: no driver");
    assertThat(impossible(DeviceKind.CUDA, BackendKind.NCCL, 1)).contains("2 ranks share");
    assertThat(impossible(DeviceKind.CPU, BackendKind.NCCL, 2)).contains("NCCL is for CUDA");
  }

  @Test
  void shouldGoOnOverAeronOnceNcclHasRefusedAndStayOnTheDevice() {
    Backings.Situation now =
        new Backings.Situation(
            job(DeviceKind.AUTO, BackendKind.AUTO),
            TWO_RANKS,
            hosts(2),
            Optional.of(DeviceKind.CUDA),
            Optional.of("no libnccl.so.2"),
            NcclDevices.ONE_EACH);
    Backing backing = ((Chosen) Backings.decide(now)).backing();
    assertThat(backing.words()).isEqualTo("cuda over aeron");
    assertThat(backing.reason()).contains("no libnccl.so.2");
  }

  @Test
  void shouldLetTestsHaveNcclOnTheHost() {
    Backings.Situation now =
        new Backings.Situation(
            job(DeviceKind.CPU, BackendKind.AUTO),
            TWO_RANKS,
            hosts(0),
            Optional.empty(),
            Optional.empty(),
            NcclDevices.HOST);
    assertThat(((Chosen) Backings.decide(now)).backing().words()).isEqualTo("cpu over nccl");
  }

  @Test
  void shouldLetRanksShareADeviceOnlyWhereNcclIsToldToAndTheJobNamesIt() {
    NcclDevices told = NcclDevices.of(Map.of("NCCL_MULTI_RANK_GPU_ENABLE", "1"), false);
    assertThat(told).isEqualTo(NcclDevices.SHARED);
    assertThat(((Chosen) decide(DeviceKind.AUTO, BackendKind.NCCL, 1, told)).backing().words())
        .isEqualTo("cuda over nccl");
    assertThat(((Chosen) decide(DeviceKind.AUTO, BackendKind.AUTO, 1, told)).backing().words())
        .isEqualTo("cuda over aeron");
    assertThat(decide(DeviceKind.CPU, BackendKind.NCCL, 1, told)).isInstanceOf(Impossible.class);
    NcclDevices not = NcclDevices.of(Map.of("NCCL_MULTI_RANK_GPU_ENABLE", "0"), false);
    assertThat(not).isEqualTo(NcclDevices.ONE_EACH);
  }

  private static Backing chosen(DeviceKind device, BackendKind backend, int devices) {
    return ((Chosen) decide(device, backend, devices)).backing();
  }

  private static String impossible(DeviceKind device, BackendKind backend, int devices) {
    return ((Impossible) decide(device, backend, devices)).reason();
  }

  private static Backings.Ruling decide(DeviceKind device, BackendKind backend, int devices) {
    return decide(device, backend, devices, NcclDevices.ONE_EACH);
  }

  private static Backings.Ruling decide(
      DeviceKind device, BackendKind backend, int devices, NcclDevices nccl) {
    return Backings.decide(
        new Backings.Situation(
            job(device, backend),
            TWO_RANKS,
            hosts(devices),
            Optional.empty(),
            Optional.empty(),
            nccl));
  }

  private static Map<String, HostDevices> hosts(int devices) {
    return Map.of("a", new HostDevices("h", devices, devices == 0 ? "no driver" : ""));
  }

  private static JobSpec job(DeviceKind device, BackendKind backend) {
    JobSpec plain = Jobs.spec(2, 2);
    ParallelSpec parallel = plain.parallel();
    return new JobSpec(
        plain.name(),
        plain.model(),
        plain.program(),
        plain.data(),
        plain.train(),
        new ParallelSpec(
            parallel.workers(),
            device,
            parallel.sync(),
            parallel.threads(),
            parallel.bucketSize(),
            parallel.firstBucketSize(),
            parallel.timeoutSeconds(),
            new CompressionSpec.None(),
            List.of(),
            backend),
        new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty()));
  }
}
