// tests/e2e/linkis_client/CliCalls.java - the calls of linkis-cli, in its order, through the client library it is built on.
// SPDX-License-Identifier: Apache-2.0
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.linkis.httpclient.dws.authentication.TokenAuthenticationStrategy;
import org.apache.linkis.ujes.client.UJESClient;
import org.apache.linkis.ujes.client.request.JobSubmitAction;
import org.apache.linkis.ujes.client.request.OpenLogAction;
import org.apache.linkis.ujes.client.request.ResultSetAction;
import org.apache.linkis.ujes.client.response.JobExecuteResult;
import org.apache.linkis.ujes.client.response.JobInfoResult;
import org.apache.linkis.ujes.client.response.JobLogResult;
import org.apache.linkis.ujes.client.response.JobSubmitResult;
import org.apache.linkis.ujes.client.response.ResultSetResult;

/** java CliCalls URL USER TOKEN */
public class CliCalls {
  static final Set<String> KNOWN = new HashSet<>(List.of("INITED", "SCHEDULED", "RUNNING", "SUCCEED", "FAILED", "CANCELLED", "TIMEOUT"));
  static UJESClient client;
  static String user;

  static JobSubmitResult submit(String engine, String codeType, String code, String creator) {
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("code", code);
    content.put("runType", codeType);
    Map<String, Object> labels = new LinkedHashMap<>();
    labels.put("engineType", engine);
    labels.put("codeType", codeType);
    labels.put("userCreator", user + "-" + creator);
    labels.put("executeOnce", "");
    Map<String, Object> runtime = new HashMap<>();
    runtime.put("hive.resultset.use.unique.column.names", true);
    Map<String, Object> source = new HashMap<>();
    source.put("scriptPath", "LinkisCli");
    JobSubmitResult made = client.submit(JobSubmitAction.builder().setUser(user).addExecuteUser(user).setExecutionContent(content)
        .addExecuteCode(code).setStartupParams(new HashMap<>()).setRuntimeParams(runtime).setVariableMap(new HashMap<>())
        .setLabels(labels).setSource(source).build());
    Steps.check(made.getStatus() == 0 && !made.getTaskID().isBlank() && !made.getExecID().isBlank(), made.getResponseBody());
    return made;
  }

  /** Another process of the command line client knows the number alone. */
  static JobExecuteResult named(String taskId, String execId) {
    JobExecuteResult name = new JobExecuteResult();
    name.setTaskID(taskId);
    name.setUser(user);
    if (execId != null) name.setExecID(execId);
    return name;
  }

  static JobInfoResult info(String taskId) {
    JobInfoResult info = client.getJobInfo(named(taskId, null));
    Steps.check(info.getStatus() == 0 && KNOWN.contains(info.getJobStatus().toUpperCase()), info.getJobStatus());
    Map<?, ?> task = info.getTask();
    Steps.check(task.get("costTime") instanceof Integer, task);
    Steps.check(task.get("strongerExecId") instanceof String && task.get("umUser").equals(user), task);
    float progress = info.getRequestPersistTask().getProgress();
    Steps.check(progress >= 0f && progress <= 1f, progress);
    return info;
  }

  static boolean isOver(String status) {
    return Set.of("SUCCEED", "FAILED", "CANCELLED", "TIMEOUT").contains(status.toUpperCase());
  }

  /** History, then state, then the log from where it was; what is left of it from the file when the task has ended. */
  static String follow(String taskId, StringBuilder printed) throws Exception {
    int taken = 0;
    for (int i = 0; i < 600; i++) {
      JobInfoResult info = info(taskId);
      String execId = info.getStrongerExecId(), status = client.status(named(taskId, execId)).getJobStatus();
      Steps.check(KNOWN.contains(status.toUpperCase()), status);
      if (isOver(info.getJobStatus())) {
        String all = client.openLog(OpenLogAction.newBuilder().setLogPath(info.getRequestPersistTask().getLogPath()).setProxyUser(user).build()).getLog()[3];
        Steps.check(!all.isBlank(), "a blank log is asked for again and again");
        String[] lines = all.split("\n", -1);
        for (int line = taken; line < lines.length; line++) printed.append(lines[line]).append("\n");
        Steps.check(printed.toString().equals(all + "\n"), "printed:\n" + printed + "stored:\n" + all);
        return info.getJobStatus();
      }
      JobLogResult log = client.log(named(taskId, execId), taken, -1);
      if (log.getFromLine() > taken) printed.append(log.getLog().get(3)).append("\n");  // it may be one empty line
      taken = log.getFromLine();
      Thread.sleep(100);
    }
    throw new IllegalStateException("it does not end");
  }

  /** Every result, 5,000 rows a page, until a page is empty. */
  static int rows(String taskId) {
    int rows = 0;
    for (String path : info(taskId).getResultSetList(client))
      for (int page = 1;; page++) {
        ResultSetResult result = client.resultSet(ResultSetAction.builder().setPath(path).setUser(user).setPage(page).setPageSize(5000).build());
        List<?> content = (List<?>) result.getFileContent();
        if (content.isEmpty() || result.getTotalLine() == 0) break;
        Steps.check(content.size() == result.getTotalLine() && result.getMetadata() != null, result.getTotalLine());
        rows += content.size();
      }
    return rows;
  }

  public static void main(String[] args) {
    user = args[1];
    client = Steps.client(args[0], new TokenAuthenticationStrategy(), "Token-Code", args[2]);
    Steps.step("-engineType python-3 -codeType python, waited for", () -> {
      JobSubmitResult job = submit("python-3", "python", "import time\nfor i in range(5): print('line', i, flush=True); time.sleep(0.2)\n[{'n': i} for i in range(12000)]", "LINKISCLI");
      StringBuilder printed = new StringBuilder();
      Steps.check(follow(job.getTaskID(), printed).equals("Succeed"), printed);
      for (int i = 0; i < 5; i++) Steps.check(printed.indexOf("line " + i + "\n") >= 0, printed);
      Steps.check(rows(job.getTaskID()) == 12000, rows(job.getTaskID()));
    });
    Steps.step("-engineType shell-1 -codeType shell", () -> {
      JobSubmitResult job = submit("shell-1", "shell", "echo out; echo err >&2; exit 3", "LINKISCLI");
      StringBuilder printed = new StringBuilder();
      Steps.check(follow(job.getTaskID(), printed).equals("Failed"), printed);
      JobInfoResult info = info(job.getTaskID());
      Steps.check(info.getTask().get("errCode") instanceof Integer && info.getTask().get("errDesc") instanceof String, info.getTask());
      Steps.check(printed.indexOf("out\n") >= 0, printed);
    });
    Steps.step("-engineType sql-1 -codeType sql", () -> {
      JobSubmitResult job = submit("sql-1", "sql", "select 1 as one, 'x' as two", "LINKISCLI");
      Steps.check(follow(job.getTaskID(), new StringBuilder()).equals("Succeed"), job.getTaskID());
      Steps.check(rows(job.getTaskID()) == 1, "one row");
    });
    Steps.step("--async, --status, --kill", () -> {
      JobSubmitResult job = submit("shell-1", "shell", "sleep 60", "LINKISCLIASYNC");
      String execId = info(job.getTaskID()).getStrongerExecId();
      Steps.check(execId.equals(job.getExecID()), execId);
      Steps.check(client.kill(named(job.getTaskID(), execId)).getStatus() == 0, "killed");
      String status = "";
      for (int i = 0; i < 200 && !isOver(status); i++) {
        status = info(job.getTaskID()).getJobStatus();
        Thread.sleep(100);
      }
      Steps.check(status.equals("Cancelled"), status);
    });
    Steps.end();
  }
}
