# SPDX-License-Identifier: Apache-2.0
# Perl's DBI with DBD::Pg: a program that makes one check and prints a line of JSON, as
# test_checks.py wants it. The server is the one that libpq's variables name.
use strict;
use warnings;
use DBI;
use JSON::PP;

my $unknown = "SELECT nextval('no_such_sequence')";

sub connection {
    my ($password) = @_;
    return DBI->connect('dbi:Pg:', undef, $password, { RaiseError => 1, PrintError => 0 });
}

sub one {
    my ($db, $sql, @values) = @_;
    my ($found) = $db->selectrow_array($sql, undef, @values);
    return $found + 0;
}

sub next_id {
    my ($db, $name) = @_;
    return one($db, "SELECT nextval('$name')");
}

# The SQLSTATE that the work must end in, as DBI has it.
sub code {
    my ($db, $work) = @_;
    die 'no error' if eval { $work->(); 1 };
    return $db->state;
}

# Each connection is a process of its own: DBI's handles are not for several threads.
sub ids {
    my ($name, $count, $connections) = @_;
    my @pipes = map {
        open(my $pipe, '-|') // die "fork: $!" or do {
            my $db = connection();
            print next_id($db, $name), "\n" for 1 .. $count / $connections;
            exit 0;
        };
        $pipe;
    } 1 .. $connections;
    return { ids => [map { [map { $_ + 0 } readline $_] } @pipes] };
}

sub unknown {
    my $db = connection();
    my $code = code($db, sub { one($db, $unknown) });
    return { code => $code, error => ref $db, then => next_id($db, @_) };
}

sub exhausted {
    my ($name) = @_;
    my $db = connection();
    my @ids = map { next_id($db, $name) } 1 .. 3;
    return { ids => \@ids, code => code($db, sub { next_id($db, $name) }), error => ref $db };
}

sub prepared {
    my ($name) = @_;
    my $db = connection();
    my $statement = $db->prepare('SELECT nextval(?)', { pg_prepare_now => 1 });
    my @ids = map { $statement->execute($name); $statement->fetchrow_arrayref->[0] + 0 } 1 .. 100;
    return { ids => \@ids };
}

sub transaction {
    my ($name) = @_;
    my $db = connection();
    $db->begin_work;
    my $first = next_id($db, $name);
    code($db, sub { one($db, $unknown) });
    my $failed = code($db, sub { next_id($db, $name) });
    $db->rollback;
    return { first => $first, failed => $failed, second => next_id($db, $name) };
}

sub session {
    my ($name) = @_;
    my $db = connection();
    return { values => [one($db, 'SELECT setval(?, ?)', $name, 1000),
                        one($db, 'SELECT nextval(?)', $name), one($db, 'SELECT currval(?)', $name),
                        one($db, 'SELECT lastval()')] };
}

sub rows {
    my ($name) = @_;
    my $db = connection();
    my $rows = $db->selectcol_arrayref("SELECT nextval('$name') FROM generate_series(1, 50)");
    $db->ping or die 'no ping';
    return { ids => [map { $_ + 0 } @$rows] };
}

sub password {
    my ($name) = @_;
    my $id = next_id(connection(), $name);
    die 'no error' if eval { connection('wrong'); 1 };
    return { id => $id, error => $DBI::errstr };
}

my ($check, @words) = @ARGV;
my $work = { ids => \&ids, unknown => \&unknown, exhausted => \&exhausted,
             prepared => \&prepared, transaction => \&transaction, session => \&session,
             rows => \&rows, password => \&password }->{$check};
print encode_json($work->(@words)), "\n";
