/** What the tests of several modules need: where real data lies. */
package dev.trireme.api.testing;
