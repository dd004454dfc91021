// tests/e2e/linkis_client/Steps.java - what the programs of this folder share: steps, checks, clients.
// SPDX-License-Identifier: Apache-2.0
import java.util.concurrent.TimeUnit;
import org.apache.linkis.httpclient.authentication.AuthenticationStrategy;
import org.apache.linkis.httpclient.dws.config.DWSClientConfig;
import org.apache.linkis.httpclient.dws.config.DWSClientConfigBuilder;
import org.apache.linkis.ujes.client.UJESClient;
import org.apache.linkis.ujes.client.UJESClientImpl;

/** A line for each thing that went as it should; the rest is told at the end, and in the exit status. */
class Steps {
  interface Step {
    void run() throws Exception;
  }

  private static final StringBuilder failures = new StringBuilder();

  static void step(String name, Step step) {
    try {
      step.run();
      System.out.println("ok: " + name);
    } catch (Throwable error) {
      System.out.println("FAILED: " + name + ": " + error);
      error.printStackTrace(System.out);
      failures.append(name).append("; ");
    }
  }

  static void check(boolean holds, Object shown) {
    if (!holds) throw new IllegalStateException(String.valueOf(shown));
  }

  static void end() {
    System.out.println(failures.length() == 0 ? "all passed" : "failed: " + failures);
    System.exit(failures.length() == 0 ? 0 : 1);
  }

  static UJESClient client(String url, AuthenticationStrategy strategy, String key, String value) {
    DWSClientConfigBuilder builder = DWSClientConfigBuilder.newBuilder();
    builder.addServerUrl(url);
    builder.connectionTimeout(30000);
    builder.readTimeout(30000);
    builder.discoveryEnabled(false);
    builder.discoveryFrequency(1, TimeUnit.MINUTES);
    builder.loadbalancerEnabled(false);
    builder.maxConnectionSize(5);
    builder.retryEnabled(false);
    builder.setAuthenticationStrategy(strategy);
    builder.setAuthTokenKey(key);
    builder.setAuthTokenValue(value);
    builder.setDWSVersion("v1");
    return new UJESClientImpl((DWSClientConfig) builder.build());
  }
}
