// tests/e2e/linkis_client/OnceJobs.java - once jobs of the original Java client: an engine for one job.
// SPDX-License-Identifier: Apache-2.0
import org.apache.linkis.common.ServiceInstance;
import org.apache.linkis.computation.client.LinkisJobBuilder$;
import org.apache.linkis.computation.client.once.simple.SimpleOnceJob;
import org.apache.linkis.computation.client.once.simple.SimpleOnceJob$;
import org.apache.linkis.computation.client.once.simple.SimpleOnceJobBuilder;
import org.apache.linkis.computation.client.once.simple.SubmittableSimpleOnceJob;
import org.apache.linkis.computation.client.operator.impl.EngineConnLogOperator;
import org.apache.linkis.computation.client.operator.impl.EngineConnLogs;

/** java OnceJobs URL USER TOKEN; prints a line for each thing that went as it should. */
public class OnceJobs extends Steps {
  static String user;

  static SubmittableSimpleOnceJob job(String code) {
    SimpleOnceJobBuilder builder = SimpleOnceJob$.MODULE$.builder();
    builder.setCreateService("drover-test");
    builder.setMaxSubmitTime(60000);
    builder.addLabel("engineType", "python-3");
    builder.addLabel("userCreator", user + "-exchangis");
    builder.addExecuteUser(user);
    builder.addStartupParam("wds.linkis.engineconn.java.driver.memory", "1g");
    builder.addJobContent("runType", "python");
    builder.addJobContent("code", code);
    builder.addSource("scriptPath", "OnceJobs");
    return builder.build();
  }

  public static void main(String[] args) {
    user = args[1];
    LinkisJobBuilder$.MODULE$.setDefaultServerUrl(args[0]);
    LinkisJobBuilder$.MODULE$.setDefaultAuthToken(args[2]);
    step("a job is submitted, runs and has succeeded", () -> {
      SubmittableSimpleOnceJob job = job("import time\nprint('from once')\ntime.sleep(2)\n42");
      job.submit();
      ServiceInstance instance = job.getEcServiceInstance();
      check(instance.getApplicationName().equals("linkis-cg-engineconn"), instance);
      check(instance.getInstance().equals("once-" + job.getEcTicketId()), instance);
      check(job.getECMServiceInstance() != null, "its node");
      job.waitForCompleted();
      check(job.isSucceed(), job.getStatus());
      check(job.getStatus().equals("Success"), job.getStatus());
      // By its id alone, as Exchangis keeps it.
      SimpleOnceJob again = SimpleOnceJob$.MODULE$.build(job.getId(), user);
      check(again.isCompleted() && again.isSucceed(), again.getStatus());
      EngineConnLogOperator log = (EngineConnLogOperator) job.getOperator(EngineConnLogOperator.OPERATOR_NAME());
      log.setEngineConnType("python");
      log.setPageSize(100);
      log.setFromLine(1);
      EngineConnLogs lines = (EngineConnLogs) log.apply();
      check(lines.logs().contains("from once"), lines.logs());
    });
    step("a job fails", () -> {
      SubmittableSimpleOnceJob job = job("1 / 0");
      job.submit();
      job.waitForCompleted();
      check(!job.isSucceed() && job.getStatus().equals("Failed"), job.getStatus());
    });
    step("a job is killed", () -> {
      SubmittableSimpleOnceJob job = job("import time; time.sleep(60)");
      job.submit();
      job.kill();
      for (int i = 0; i < 300 && !job.isCompleted(); i++) Thread.sleep(100);  // waitForCompleted would tell of the kill
      check(!job.isSucceed() && job.getStatus().equals("ShuttingDown"), job.getStatus());
    });
    end();
  }
}
