// SPDX-License-Identifier: Apache-2.0
package pawl;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;

/**
 * pgjdbc, and HikariCP in front of it: makes one check and prints a line of JSON, as
 * test_checks.py wants it. The server is the one that libpq's variables name.
 */
public class JdbcClient {
    /** Behind a pooler that shares connections, nothing may be kept prepared. */
    private static final String DEFAULTS =
        System.getenv("PAWL_SHARED") == null ? "" : "?prepareThreshold=0";
    private static final String UNKNOWN = "SELECT nextval('no_such_sequence')";

    interface Work {
        void run() throws SQLException;
    }

    private static String url() {
        return "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/"
            + System.getenv("PGDATABASE");
    }

    private static Connection connect(String options, String password) throws SQLException {
        return DriverManager.getConnection(url() + options, System.getenv("PGUSER"), password);
    }

    private static Connection connect(String options) throws SQLException {
        return connect(options, System.getenv("PGPASSWORD"));
    }

    private static String nextval(String name) {
        return "SELECT nextval('" + name + "')";
    }

    private static List<Long> all(ResultSet rows) throws SQLException {
        List<Long> ids = new ArrayList<>();
        while (rows.next()) {
            ids.add(rows.getLong(1));
        }
        return ids;
    }

    private static long one(Connection db, String sql) throws SQLException {
        try (Statement statement = db.createStatement()) {
            return all(statement.executeQuery(sql)).get(0);
        }
    }

    private static long one(Connection db, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = db.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            return all(statement.executeQuery()).get(0);
        }
    }

    private static SQLException failure(Work work) {
        try {
            work.run();
        } catch (SQLException error) {
            return error;
        }
        throw new IllegalStateException("no error");
    }

    private static List<List<Long>> together(int count, Callable<List<Long>> work)
        throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(count);
        List<List<Long>> found = new ArrayList<>();
        for (Future<List<Long>> one : threads.invokeAll(Collections.nCopies(count, work))) {
            found.add(one.get());
        }
        threads.shutdown();
        return found;
    }

    private static String ids(String name, int count, int connections) throws Exception {
        return "{\"ids\": " + together(connections, () -> {
            List<Long> found = new ArrayList<>();
            try (Connection db = connect(DEFAULTS);
                 PreparedStatement statement = db.prepareStatement(nextval(name))) {
                while (found.size() < count / connections) {
                    found.addAll(all(statement.executeQuery()));
                }
            }
            return found;
        }) + "}";
    }

    private static String unknown(Connection db, String name) throws SQLException {
        SQLException error = failure(() -> one(db, UNKNOWN));
        return "{\"code\": \"" + error.getSQLState() + "\", \"error\": \""
            + error.getClass().getSimpleName() + "\", \"then\": " + one(db, nextval(name)) + "}";
    }

    private static String exhausted(Connection db, String name) throws SQLException {
        List<Long> found = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            found.add(one(db, nextval(name)));
        }
        SQLException error = failure(() -> one(db, nextval(name)));
        return "{\"ids\": " + found + ", \"code\": \"" + error.getSQLState() + "\", \"error\": \""
            + error.getClass().getSimpleName() + "\"}";
    }

    /** From the fifth time on a statement is a named one, and bigints come in binary. */
    private static String hundred(Connection db, String name) throws SQLException {
        List<Long> found = new ArrayList<>();
        try (PreparedStatement statement = db.prepareStatement("SELECT nextval(?)")) {
            for (int i = 0; i < 100; i++) {
                statement.setString(1, name);
                found.addAll(all(statement.executeQuery()));
            }
        }
        return "{\"ids\": " + found + "}";
    }

    /** Many statements in one string: pgjdbc sends them one by one and then waits. */
    private static String pipeline(Connection db, String name) throws SQLException {
        List<Long> found = new ArrayList<>();
        try (Statement statement = db.createStatement()) {
            boolean more = statement.execute((nextval(name) + ";").repeat(100));
            while (more) {
                found.addAll(all(statement.getResultSet()));
                more = statement.getMoreResults();
            }
        }
        return "{\"ids\": " + found + "}";
    }

    private static String transaction(Connection db, String name) throws SQLException {
        db.setAutoCommit(false);
        long first = one(db, nextval(name));
        failure(() -> one(db, UNKNOWN));
        SQLException failed = failure(() -> one(db, nextval(name)));
        db.rollback();
        db.setAutoCommit(true);
        return "{\"first\": " + first + ", \"failed\": \"" + failed.getSQLState()
            + "\", \"second\": " + one(db, nextval(name)) + "}";
    }

    private static String pool(String name) throws Exception {
        HikariConfig settings = new HikariConfig();
        settings.setJdbcUrl(url() + DEFAULTS);
        settings.setUsername(System.getenv("PGUSER"));
        settings.setMaximumPoolSize(4);
        try (HikariDataSource pool = new HikariDataSource(settings)) {
            return "{\"ids\": " + together(16, () -> {
                List<Long> found = new ArrayList<>();
                for (int i = 0; i < 25; i++) {
                    try (Connection db = pool.getConnection()) {
                        found.add(one(db, nextval(name)));
                    }
                }
                return found;
            }).stream().flatMap(List::stream).collect(Collectors.toList()) + "}";
        }
    }

    private static String session(Connection db, String name) throws SQLException {
        return "{\"values\": " + List.of(one(db, "SELECT setval(?, ?)", name, 1000L),
            one(db, "SELECT nextval(?)", name), one(db, "SELECT currval(?)", name),
            one(db, "SELECT lastval()")) + "}";
    }

    /** In pieces of seven rows, which takes a transaction. */
    private static String rows(Connection db, String name) throws SQLException {
        db.setAutoCommit(false);
        try (Statement statement = db.createStatement()) {
            statement.setFetchSize(7);
            return "{\"ids\": " + all(statement.executeQuery(
                nextval(name) + " FROM generate_series(1, 50)")) + "}";
        } finally {
            db.commit();
        }
    }

    private static String password(Connection db, String name) throws SQLException {
        SQLException error = failure(() -> connect(DEFAULTS, "wrong"));
        return "{\"id\": " + one(db, nextval(name)) + ", \"error\": \"" + error.getSQLState()
            + "\"}";
    }

    private static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> found = new ArrayList<>();
        while (rows.next()) {
            found.add("\"" + rows.getString(name) + "\"");
        }
        return found;
    }

    /** What tools ask: names by DatabaseMetaData, a test of the connection, read-only blocks. */
    private static String metadata(Connection db, String name) throws SQLException {
        DatabaseMetaData about = db.getMetaData();
        String[] sequences = {"SEQUENCE"};
        String[] tables = {"TABLE"};
        boolean valid = db.isValid(5);
        db.setReadOnly(true);
        db.setAutoCommit(false);
        SQLException error = failure(() -> one(db, nextval(name)));
        db.rollback();
        db.setAutoCommit(true);
        db.setReadOnly(false);
        db.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        return "{\"product\": \"" + about.getDatabaseProductName() + "\", \"major\": "
            + about.getDatabaseMajorVersion() + ", \"sequences\": "
            + column(about.getTables(null, "public", name, sequences), "TABLE_NAME")
            + ", \"tables\": " + column(about.getTables(null, null, "%", tables), "TABLE_NAME")
            + ", \"schemas\": " + column(about.getSchemas(), "TABLE_SCHEM") + ", \"valid\": "
            + valid + ", \"read only\": \"" + error.getSQLState() + "\", \"level\": "
            + db.getTransactionIsolation() + ", \"id\": " + one(db, nextval(name)) + "}";
    }

    public static void main(String[] words) throws Exception {
        String name = words[1];
        String found = switch (words[0]) {
            case "ids" -> ids(name, Integer.parseInt(words[2]), Integer.parseInt(words[3]));
            case "unknown" -> unknown(connect(DEFAULTS), name);
            case "exhausted" -> exhausted(connect(DEFAULTS), name);
            case "prepared" -> hundred(connect(DEFAULTS), name);
            case "binary" -> hundred(connect("?prepareThreshold=-1"), name);
            case "pipeline" -> pipeline(connect(DEFAULTS), name);
            case "transaction" -> transaction(connect(DEFAULTS), name);
            case "pool" -> pool(name);
            case "session" -> session(connect(DEFAULTS), name);
            case "rows" -> rows(connect(DEFAULTS), name);
            case "password" -> password(connect(DEFAULTS), name);
            case "metadata" -> metadata(connect(DEFAULTS), name);
            default -> throw new IllegalArgumentException(words[0]);
        };
        System.out.println(found);
    }
}
