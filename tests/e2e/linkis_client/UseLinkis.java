// tests/e2e/linkis_client/UseLinkis.java - the original Java client against Drover: log in, submit, poll, read, kill.
// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.linkis.computation.client.LinkisJobBuilder$;
import org.apache.linkis.computation.client.LinkisJobClient;
import org.apache.linkis.computation.client.interactive.SubmittableInteractiveJob;
import org.apache.linkis.httpclient.dws.authentication.StaticAuthenticationStrategy;
import org.apache.linkis.httpclient.dws.authentication.TokenAuthenticationStrategy;
import org.apache.linkis.ujes.client.UJESClient;
import org.apache.linkis.ujes.client.request.EmsListAction;
import org.apache.linkis.ujes.client.request.JobListAction;
import org.apache.linkis.ujes.client.request.JobSubmitAction;
import org.apache.linkis.ujes.client.request.OpenLogAction;
import org.apache.linkis.ujes.client.request.ResultSetAction;
import org.apache.linkis.ujes.client.response.EmsListResult;
import org.apache.linkis.ujes.client.response.JobInfoResult;
import org.apache.linkis.ujes.client.response.JobListResult;
import org.apache.linkis.ujes.client.response.JobLogResult;
import org.apache.linkis.ujes.client.response.JobStatusResult;
import org.apache.linkis.ujes.client.response.JobSubmitResult;
import org.apache.linkis.ujes.client.response.OpenLogResult;
import org.apache.linkis.ujes.client.response.ResultSetResult;

/** java UseLinkis URL USER TOKEN [files]; prints a line for each thing that went as it should. */
public class UseLinkis extends Steps {
  static String url, user, token;

  static JobSubmitResult submit(UJESClient client, String code, String engine, String runType, String creator) {
    Map<String, Object> labels = new HashMap<>();
    labels.put("engineType", engine);
    labels.put("userCreator", user + "-" + creator);
    labels.put("codeType", runType);
    Map<String, Object> source = new HashMap<>();
    source.put("scriptPath", "UseLinkis");
    Map<String, Object> runtime = new HashMap<>();
    runtime.put("hive.resultset.use.unique.column.names", "true");
    JobSubmitAction action = JobSubmitAction.builder().addExecuteCode(code).setRunTypeStr(runType).setUser(user)
        .addExecuteUser(user).setLabels(labels).setSource(source).setRuntimeParams(runtime).build();
    return client.submit(action);
  }

  static List<String> follow(UJESClient client, JobSubmitResult job) throws Exception {
    List<String> states = new ArrayList<>();
    JobLogResult log = client.log(job, 0, 100);
    StringBuilder heard = new StringBuilder();
    if (log.getFromLine() > 0) heard.append(log.getLog().get(3)).append("\n");
    for (int i = 0; i < 600; i++) {
      JobStatusResult status = client.status(job);
      String state = status.getJobStatus();
      if (states.isEmpty() || !states.get(states.size() - 1).equals(state)) states.add(state);
      float progress = client.progress(job).getProgress();
      check(progress >= 0f && progress <= 1f, progress);
      int from = log.getFromLine();
      log = client.log(job, log);
      check(log != null && log.getLog().size() == 4, "a log of four parts");
      if (log.getFromLine() > from) heard.append(log.getLog().get(3)).append("\n");  // it may be one empty line
      if (status.isCompleted()) {
        check(heard.toString().equals(client.log(job, 0, 10000).getLog().get(3) + "\n"), "piece by piece: " + heard);
        return states;
      }
      Thread.sleep(100);
    }
    throw new IllegalStateException("it does not end: " + states);
  }

  static void use(UJESClient client, String how, boolean files) {
    step(how + ": a task from submission to its end", () -> {
      JobSubmitResult job = submit(client, "print('hello from java')\n[{'n': i, 's': None if i == 2 else str(i)} for i in range(250)]",
          "python-3", "python", "IDE");
      check(job.getExecID().startsWith("exec_id018") && Long.parseLong(job.taskID()) > 0, job.getExecID());
      List<String> states = follow(client, job);
      check(states.get(states.size() - 1).equals("Succeed"), states);
      JobInfoResult info = client.getJobInfo(job);
      check(info.isSucceed() && info.isCompleted() && !info.canRetry(), info.getTask());
      check(info.getStrongerExecId().equals(job.getExecID()), info.getStrongerExecId());
      check(info.getRequestPersistTask().getTaskID() == Long.parseLong(job.taskID()), info.getRequestPersistTask());
      check(info.getRequestPersistTask().getUmUser().equals(user), info.getRequestPersistTask());
      JobLogResult log = client.log(job, 0, 10000);
      check(log.getLog().get(3).contains("hello from java"), log.getLog());
      check(log.getFromLine() == log.getLog().get(3).split("\n").length, log.getFromLine());
      if (files) read(client, job, info);
    });
    step(how + ": a failure has its reason", () -> {
      JobSubmitResult job = submit(client, "1 / 0", "python-3", "python", "LINKISCLI");
      List<String> states = follow(client, job);
      check(states.get(states.size() - 1).equals("Failed"), states);
      JobInfoResult info = client.getJobInfo(job);
      check(info.isFailed() && info.getRequestPersistTask().getErrDesc().startsWith("ZeroDivisionError"), info.getTask());
    });
    step(how + ": kill", () -> {
      JobSubmitResult job = submit(client, "sleep 60", "shell-1", "shell", "IDE");
      client.pause(job);
      client.kill(job);
      List<String> states = follow(client, job);
      check(states.get(states.size() - 1).equals("Cancelled"), states);
    });
    step(how + ": the list", () -> {
      JobListResult list = client.list(JobListAction.newBuilder().setProxyUser(user).setPageNow(1).setPageSize(2)
          .setStartDateMills(0L).setEndDateMills(System.currentTimeMillis() + 60000).build());
      check(list.getTasks().size() == 2 && list.getTotalPage() >= 3, list.getTotalPage());
    });
    if (files) step(how + ": the list of engine managers", () -> {
      EmsListResult list = client.listECM(EmsListAction.newBuilder().setUser(user).build());
      check(list.getTasks() != null && list.getTasks().size() == 1, list.getResponseBody());
    });
    step(how + ": what is refused is an exception with the reason", () -> {
      try {
        submit(client, "1", "pyton-3", "pyton", "IDE");
      } catch (Exception error) {
        check(error.toString().contains("did you mean python?"), error);
        return;
      }
      throw new IllegalStateException("it was accepted");
    });
  }

  static void read(UJESClient client, JobSubmitResult job, JobInfoResult info) {
    String[] paths = info.getResultSetList(client);
    check(paths != null && paths.length == 1 && paths[0].endsWith("_0.dolphin"), paths == null ? "none" : String.join(" ", paths));
    int rows = 0, page = 1;
    while (true) {
      ResultSetResult result = client.resultSet(ResultSetAction.builder().setPath(paths[0]).setUser(user).setPage(page).setPageSize(100).build());
      check(result.getType().equals("2"), result.getType());
      List<?> content = (List<?>) result.getFileContent();
      if (page == 1) {
        check(result.getMetadataList().get(0).get("columnName").equals("n"), result.getMetadata());
        check(result.getRowList().get(1).get(1).equals("1"), result.getRowList().get(1));
      }
      rows += content.size();
      if (content.size() < 100) break;
      page++;
    }
    check(rows == 250, rows);
    OpenLogResult log = client.openLog(OpenLogAction.newBuilder().setLogPath(info.getRequestPersistTask().getLogPath()).setProxyUser(user).build());
    check(log.getLog().length == 4 && log.getLog()[3].contains("hello from java"), log.getLog()[3]);
  }

  /** The job object that follows its task by itself and tells listeners. */
  static void listen(boolean files) {
    step("job object: listeners hear of log and progress", () -> {
      LinkisJobBuilder$.MODULE$.setDefaultServerUrl(url);
      LinkisJobBuilder$.MODULE$.setDefaultAuthToken(token);
      SubmittableInteractiveJob job = (SubmittableInteractiveJob) LinkisJobClient.interactive().builder().setEngineType("python-3")
          .setRunTypeStr("python").setCreator("IDE").addExecuteUser(user)
          .setCode("import time\nfor i in range(4): print('line', i, flush=True); drover.progress(i + 1, 4); time.sleep(1)\n[{'n': i} for i in range(120)]")
          .build();
      StringBuffer heard = new StringBuffer();
      Map<Thread, List<Float>> progress = new ConcurrentHashMap<>();
      job.addLogListener(logs -> heard.append(logs.get(3)).append("\n"));
      job.addProgressListener((value, infos) -> progress.computeIfAbsent(Thread.currentThread(), thread -> new ArrayList<>()).add(value));
      job.submit();
      job.waitForCompleted();
      check(job.isSucceed(), "it has " + job.getJobInfoResult().getJobStatus());
      // At the end two threads of the client may ask for the same: now and then it tells its listeners a line twice, or of progress that was.
      for (int i = 0; i < 4; i++) check(heard.indexOf("line " + i) >= 0, heard);
      for (List<Float> heardBy : progress.values())
        for (int i = 1; i < heardBy.size(); i++) check(heardBy.get(i) >= heardBy.get(i - 1), progress);
      if (!files) return;
      check(job.existResultSets() && job.getResultSetIterables().length == 1, "one result");
      int rows = 0;
      for (java.util.Iterator<?> at = (java.util.Iterator<?>) (Object) job.getResultSetIterables()[0].iterator(); at.hasNext(); at.next()) rows++;
      check(rows == 120, rows);
    });
  }

  public static void main(String[] args) {
    url = args[0];
    user = args[1];
    token = args[2];
    boolean files = args.length > 3 && args[3].equals("files");
    use(client(url, new TokenAuthenticationStrategy(), "Token-Code", token), "token", files);
    use(client(url, new StaticAuthenticationStrategy(), user, token), "login", files);
    listen(files);
    step("a wrong token is refused", () -> {
      try {
        submit(client(url, new TokenAuthenticationStrategy(), "Token-Code", "x".repeat(64)), "1", "python-3", "python", "IDE");
      } catch (Exception error) {
        return;
      }
      throw new IllegalStateException("it was accepted");
    });
    end();
  }
}
