package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NcclClaimTest {
  private static Optional<List<Integer>> left(String claims) {
    return NcclClaim.left(
        Arrays.stream(claims.split(" "))
            .map(c -> c.equals("-") ? Optional.<NcclClaim>empty() : Optional.of(NcclClaim.parse(c)))
            .toList());
  }

  @Test
  void shouldFindWhoIsMissing() {
    assertThat(left("7/0/3 7/2/3")).hasValue(List.of(1));
    assertThat(left("7/1/5 7/3/5")).hasValue(List.of(0, 2, 4));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource({
    "nobody is missing, 7/0/2 7/1/2",
    "a rank is new, 7/0/3 -",
    "the order is another, 7/2/3 7/0/3",
    "one rank twice, 7/0/3 7/0/3",
    "another generation, 6/0/3 7/2/3",
    "another formation, 7/0/4 7/2/3",
    "one alone has nobody to keep, 7/1/3",
  })
  void shouldAskForANewIdWhere(String why, String claims) {
    assertThat(left(claims)).as(why).isEmpty();
  }

  @Test
  void shouldReadItsOwnTextAndNoOther() {
    NcclClaim claim = new NcclClaim(7, 1, 3);
    assertThat(NcclClaim.parse(claim.text())).isEqualTo(claim);
    assertThatThrownBy(() -> NcclClaim.parse("7/1")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> NcclClaim.parse("7/3/3")).isInstanceOf(IllegalArgumentException.class);
  }
}
