// SPDX-License-Identifier: Apache-2.0
package pawl;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.hibernate.FlushMode;
import org.hibernate.HibernateException;
import org.hibernate.JDBCException;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;

/**
 * Entities get their ids from the sequences and are never written: there are no tables. Prints a
 * line of JSON for test_hibernate.py. The server is the one that libpq's variables name.
 */
public class HibernateClient {
    private static final int THREADS = 4;

    interface Made {
        Long id(Session session);
    }

    private static Long order(Session session) {
        Order made = new Order();
        session.persist(made);
        return made.id;
    }

    private static Long ticket(Session session) {
        Ticket made = new Ticket();
        session.persist(made);
        return made.id;
    }

    private static SessionFactory open(String optimizer) {
        Configuration settings = new Configuration();
        settings.addAnnotatedClass(Order.class);
        settings.addAnnotatedClass(Ticket.class);
        settings.setProperty("hibernate.connection.url",
            "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/"
                + System.getenv("PGDATABASE"));
        settings.setProperty("hibernate.connection.username", System.getenv("PGUSER"));
        settings.setProperty("hibernate.connection.pool_size", "" + THREADS);
        if (!optimizer.equals("default")) {
            settings.setProperty("hibernate.id.optimizer.pooled.preferred", optimizer);
        }
        return settings.buildSessionFactory();
    }

    /** The ids of one session, which is rolled back. */
    private static List<Long> take(SessionFactory factory, int count, Made made) {
        List<Long> ids = new ArrayList<>();
        try (Session session = factory.openSession()) {
            session.setHibernateFlushMode(FlushMode.MANUAL);
            session.beginTransaction();
            for (int i = 0; i < count; i++) {
                ids.add(made.id(session));
            }
            session.getTransaction().rollback();
        }
        return ids;
    }

    private static String ids(String optimizer, int count, Made made) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try (SessionFactory factory = open(optimizer)) {
            List<Callable<List<Long>>> work = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                work.add(() -> take(factory, count / THREADS, made));
            }
            List<List<Long>> found = new ArrayList<>();
            for (Future<List<Long>> one : threads.invokeAll(work)) {
                found.add(one.get());
            }
            return "{\"ids\": " + found + "}";
        } finally {
            threads.shutdown();
        }
    }

    /** The innermost of this kind: Hibernate 5 wraps its own into the JPA's. */
    private static <T extends Throwable> T cause(Throwable error, Class<T> kind) {
        T found = null;
        for (Throwable one = error; one != null; one = one.getCause()) {
            if (kind.isInstance(one)) found = kind.cast(one);
        }
        if (found == null) throw new IllegalStateException(error);
        return found;
    }

    /** What an error of the server becomes, and the ids that were had before. */
    private static String failure(Made made) {
        List<Long> ids = new ArrayList<>();
        try (SessionFactory factory = open("default"); Session session = factory.openSession()) {
            while (ids.size() < 1000) {
                ids.add(made.id(session));
            }
        } catch (RuntimeException outer) {
            JDBCException error = cause(outer, JDBCException.class);
            return "{\"ids\": " + ids + ", \"code\": \"" + error.getSQLState() + "\", \"error\": \""
                + error.getClass().getSimpleName() + "\"}";
        }
        return "{\"ids\": " + ids + "}";
    }

    /** What Hibernate says when it starts: it reads each sequence's increment from the catalog. */
    private static String start() {
        try (SessionFactory factory = open("default")) {
            return "{\"error\": \"\"}";
        } catch (HibernateException error) {
            String said = cause(error, HibernateException.class).getMessage();
            return "{\"error\": \"" + said.replaceAll("[\"\\n]", " ") + "\"}";
        }
    }

    public static void main(String[] words) throws Exception {
        Made made = words[1].equals("orders") ? HibernateClient::order : HibernateClient::ticket;
        String found = switch (words[0]) {
            case "ids" -> ids(words[2], Integer.parseInt(words[3]), made);
            case "failure" -> failure(made);
            case "start" -> start();
            default -> throw new IllegalArgumentException(words[0]);
        };
        System.out.println(found);
    }
}
