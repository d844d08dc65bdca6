package dev.trireme.systemtests;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.Architectures;

/** Which module may use which, and where each dependency may be seen. */
@AnalyzeClasses(
    packages = "dev.trireme",
    importOptions = {ImportOption.DoNotIncludeTests.class, ArchitectureTest.NoTestJars.class})
class ArchitectureTest {
  /** The jars of test helpers that other modules' tests use. */
  static final class NoTestJars implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("-tests.jar");
    }
  }

  @ArchTest
  static final ArchRule modulesDependOneWay =
      Architectures.layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("api")
          .definedBy("dev.trireme.api..")
          .layer("protocol")
          .definedBy("dev.trireme.protocol..")
          .layer("engine")
          .definedBy("dev.trireme.engine..")
          .layer("data")
          .definedBy("dev.trireme.data..")
          .layer("allreduce")
          .definedBy("dev.trireme.allreduce..")
          .layer("checkpoint")
          .definedBy("dev.trireme.checkpoint..")
          .layer("parameter-server")
          .definedBy("dev.trireme.ps..")
          .layer("coordinator")
          .definedBy("dev.trireme.coordinator..")
          .layer("worker")
          .definedBy("dev.trireme.worker..")
          .layer("launcher")
          .definedBy("dev.trireme.launcher..")
          .whereLayer("api")
          .mayNotAccessAnyLayer()
          .whereLayer("protocol")
          .mayOnlyAccessLayers("api")
          .whereLayer("engine")
          .mayOnlyAccessLayers("api")
          .whereLayer("data")
          .mayOnlyAccessLayers("api")
          .whereLayer("allreduce")
          .mayOnlyAccessLayers("api")
          .whereLayer("checkpoint")
          .mayOnlyAccessLayers("api")
          .whereLayer("parameter-server")
          .mayOnlyAccessLayers("api")
          .whereLayer("coordinator")
          .mayOnlyAccessLayers("api", "protocol")
          .whereLayer("worker")
          .mayOnlyAccessLayers("api", "protocol")
          .whereLayer("launcher")
          .mayNotBeAccessedByAnyLayer();

  @ArchTest
  static final ArchRule apiKnowsTheJdkAndSlf4jAlone =
      classes()
          .that()
          .resideInAPackage("dev.trireme.api..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage("dev.trireme.api..", "java..", "sun.misc..", "org.slf4j..");

  @ArchTest
  static final ArchRule theLoopKnowsThePortsAlone =
      classes()
          .that()
          .resideInAPackage("dev.trireme.worker.train..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "dev.trireme.worker.train..", "dev.trireme.api..", "java..", "org.slf4j..");

  @ArchTest
  static final ArchRule libtorchStaysInTheEngine =
      noClasses()
          .that()
          // An example stands for a user's own model, which is written on libtorch.
          .resideOutsideOfPackages("dev.trireme.engine..", "dev.trireme.examples..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.bytedeco.pytorch..");

  @ArchTest
  static final ArchRule akkaStaysInItsAdapters =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "dev.trireme.protocol.akka..",
              "dev.trireme.coordinator.akka..",
              "dev.trireme.worker.agent.akka..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("akka..", "scala..");

  @ArchTest
  static final ArchRule hazelcastStaysInTheJobStore =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.trireme.coordinator.store..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("com.hazelcast..");

  @ArchTest
  static final ArchRule aeronMovesBytesInTwoPlacesOnly =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.trireme.allreduce..", "dev.trireme.worker..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.aeron..", "org.agrona..");

  @ArchTest
  static final ArchRule theAwsSdkStaysInItsStorage =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.trireme.checkpoint.storage.s3..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("software.amazon..");

  @ArchTest
  static final ArchRule kryoStaysInTheProtocol =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.trireme.protocol..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("com.esotericsoftware..");

  @ArchTest
  static final ArchRule ranksKnowNeitherAkkaNorHazelcast =
      noClasses()
          .that()
          .resideInAnyPackage(
              "dev.trireme.worker.rank..",
              "dev.trireme.worker.channel..",
              "dev.trireme.worker.train..",
              "dev.trireme.launcher.rank..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("akka..", "com.hazelcast..", "dev.trireme.coordinator..");

  @ArchTest
  static final ArchRule modulesHaveNoCycles =
      slices().matching("dev.trireme.(*)..").should().beFreeOfCycles();
}
