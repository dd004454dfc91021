// tests/e2e/linkis_client/JdbcCalls.java - the calls of Linkis' JDBC driver, through the client library it is built on.
// SPDX-License-Identifier: Apache-2.0
import java.sql.Timestamp;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.linkis.httpclient.dws.authentication.StaticAuthenticationStrategy;
import org.apache.linkis.ujes.client.UJESClient;
import org.apache.linkis.ujes.client.request.GetColumnsAction;
import org.apache.linkis.ujes.client.request.GetDBSAction;
import org.apache.linkis.ujes.client.request.GetTablesAction;
import org.apache.linkis.ujes.client.request.JobSubmitAction;
import org.apache.linkis.ujes.client.request.OpenLogAction;
import org.apache.linkis.ujes.client.request.ResultSetAction;
import org.apache.linkis.ujes.client.response.JobInfoResult;
import org.apache.linkis.ujes.client.response.JobSubmitResult;
import org.apache.linkis.ujes.client.response.ResultSetResult;

/** java JdbcCalls URL USER TOKEN */
public class JdbcCalls {
  /** The types that the driver's result sets know; any other is an exception there. */
  static final Set<String> TYPES = Set.of("string", "short", "int", "long", "float", "double", "boolean", "byte", "char", "timestamp", "varchar",
      "nvarchar", "date", "bigint", "decimal", "array", "map");
  static UJESClient client;
  static String user;

  /** Statement.execute. */
  static JobInfoResult execute(String sql, String engine, String codeType, Map<String, Object> variables) throws Exception {
    Map<String, Object> labels = new HashMap<>();
    labels.put("engineType", engine);
    labels.put("userCreator", user + "-JDBCDriver");
    labels.put("codeType", codeType);
    JobSubmitResult job = client.submit(JobSubmitAction.builder().addExecuteCode(sql).setStartupParams(new HashMap<>()).setUser(user)
        .addExecuteUser(user).setLabels(labels).setRuntimeParams(new HashMap<>()).setVariableMap(variables).build());
    for (int i = 0; i < 600; i++) {
      JobInfoResult info = client.getJobInfo(job);
      if (info.isCompleted()) return info;
      Thread.sleep(100);
    }
    client.kill(job);
    throw new IllegalStateException("it does not end");
  }

  static JobInfoResult query(String sql) throws Exception {
    JobInfoResult info = execute(sql, "sql-1", "sql", new HashMap<>());
    Steps.check(info.isSucceed(), info.getRequestPersistTask().getErrDesc());
    return info;
  }

  /** ResultSet.next and getXxx: the last result set, 5,000 rows a page. */
  static List<List<?>> rows(JobInfoResult info, List<String> types) {
    String[] paths = info.getResultSetList(client);
    Steps.check(paths != null && paths.length > 0, "a result set");
    List<List<?>> rows = new ArrayList<>();
    for (int page = 1;; page++) {
      ResultSetAction.Builder action = ResultSetAction.builder().setUser(user).setPageSize(5000).setPath(paths[paths.length - 1]);
      if (page > 1) action.setPage(page);
      ResultSetResult result = client.resultSet(action.build());
      if (page == 1)
        for (Object column : (List<?>) result.getMetadata()) types.add(String.valueOf(((Map<?, ?>) column).get("dataType")).toLowerCase());
      if (result.totalLine() == 0) return rows;
      for (Object row : (List<?>) result.getFileContent()) rows.add((List<?>) row);
    }
  }

  public static void main(String[] args) {
    user = args[1];
    client = Steps.client(args[0], new StaticAuthenticationStrategy(), user, args[2]);
    Steps.step("a statement that fails has a number and a reason", () -> {
      JobInfoResult info = execute("USE default", "sql-1", "sql", new HashMap<>());
      Steps.check(!info.isSucceed() && info.getRequestPersistTask().getErrCode() != null && info.getRequestPersistTask().getErrDesc() != null, info.getTask());
    });
    Steps.step("a result set with its types", () -> {
      List<String> types = new ArrayList<>();
      List<List<?>> rows = rows(query("--set ide.engine.no.limit.allow=true\nselect 7 as i, 2.5 as d, 'text' as s, null as n"), types);
      Steps.check(rows.size() == 1 && rows.get(0).size() == 4, rows);
      for (String type : types) Steps.check(TYPES.contains(type), "the driver does not know the type " + type);
      Steps.check(Long.parseLong((String) rows.get(0).get(0)) == 7 && Double.parseDouble((String) rows.get(0).get(1)) == 2.5, rows);
      Steps.check(Set.of("int", "long", "bigint").contains(types.get(0)) && types.get(1).equals("double"), types);
      Steps.check("text".equals(rows.get(0).get(2)), rows);
      Object none = rows.get(0).get(3);
      Steps.check(none == null || none.equals("NULL"), none);
    });
    Steps.step("a statement without a result set: its list is asked for all the same, and is empty", () -> {
      JobInfoResult info = query("-- nothing");
      Steps.check("".equals(info.getRequestPersistTask().getResultLocation()), info.getRequestPersistTask().getResultLocation());
      String[] paths = info.getResultSetList(client);
      Steps.check(paths != null && paths.length == 0, Arrays.toString(paths));
    });
    Steps.step("timestamps and doubles in the words that the driver parses", () -> {
      JobInfoResult info = execute("import datetime as d\n"
          + "drover.table([[d.datetime(2024, 2, 3, 4, 5, 6, 123456, d.timezone.utc), d.datetime(2024, 2, 3, 4, 5, 6), float('nan'), float('-inf')]], list('abcd'))",
          "python-3", "python", new HashMap<>());
      Steps.check(info.isSucceed(), info.getRequestPersistTask().getErrDesc());
      List<?> row = rows(info, new ArrayList<>()).get(0);
      for (int i = 0; i < 2; i++) {
        String pattern = i == 0 ? "yyyy-MM-dd HH:mm:ss.SSS" : "yyyy-MM-dd HH:mm:ss";
        LocalDateTime at = LocalDateTime.parse((String) row.get(i), DateTimeFormatter.ofPattern(pattern));
        Steps.check(at.equals(LocalDateTime.of(2024, 2, 3, 4, 5, 6, i == 0 ? 123_000_000 : 0)) && Timestamp.valueOf((String) row.get(i)) != null, row);
      }
      Steps.check(Double.isNaN(Double.parseDouble((String) row.get(2))) && Double.parseDouble((String) row.get(3)) == Double.NEGATIVE_INFINITY, row);
    });
    Steps.step("more rows than a page", () -> {
      List<List<?>> rows = rows(query("--set ide.engine.no.limit.allow=true\nwith recursive n(i) as (select 1 union all select i + 1 from n where i < 12001) select i from n"),
          new ArrayList<>());
      Steps.check(rows.size() == 12001 && rows.get(12000).get(0).equals("12001"), rows.size());
    });
    Steps.step("variables of the URL", () -> {
      Map<String, Object> variables = new HashMap<>();
      variables.put("day", "17");
      JobInfoResult info = execute("select ${day} as day", "sql-1", "sql", variables);
      Steps.check(info.isSucceed() && rows(info, new ArrayList<>()).get(0).get(0).equals("17"), info.getTask());
    });
    Steps.step("the engine that the driver takes unless the URL names one", () -> {
      JobInfoResult info = execute("select 1 as a", "trino-371", "tsql", new HashMap<>());
      Steps.check(info.isSucceed(), info.getRequestPersistTask().getErrDesc());
    });
    Steps.step("getCatalogs, getTables, getColumns: none is known, which is no error", () -> {
      Steps.check(client.getDBS(GetDBSAction.builder().setUser(user).build()).getDBSName().isEmpty(), "databases");
      Steps.check(client.getTables(GetTablesAction.builder().setUser(user).setDatabase("default").build()).getTables().isEmpty(), "tables");
      Steps.check(client.getColumns(GetColumnsAction.builder().setUser(user).setDatabase("default").setTable("t").build()).getColumns().isEmpty(), "columns");
    });
    Steps.step("the log of a statement", () -> {
      JobInfoResult info = query("select 1 as a");
      String[] log = client.openLog(OpenLogAction.newBuilder().setLogPath(info.getRequestPersistTask().getLogPath()).setProxyUser(user).build()).getLog();
      Steps.check(log.length == 4 && !log[3].isBlank(), log.length);
    });
    Steps.end();
  }
}
