package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
)

// maxStatements is how many prepared statements a connection keeps, about 10 kB each. The
// package has fewer than 200 texts, and a server uses some 60 of them.
const maxStatements = 96

// openSQLite opens a database whose connections keep their statements prepared. To parse
// the text anew each time took a quarter of the processor time of a verification.
func openSQLite(dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(keeping{c}), nil
}

// keeping connects to connections that keep statements.
type keeping struct{ driver.Connector }

func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	b, ok := c.(connection)
	if !ok {
		return nil, errors.Join(errors.New("store: the engine's connections are not what they were"), c.Close())
	}
	return &conn{connection: b, idle: map[string]idleStatement{}}, nil
}

// connection is what the engine's connections can do, without ExecContext and
// QueryContext: so database/sql prepares everything, and conn sees it.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn is a connection; database/sql lets one goroutine at a time use it.
type conn struct {
	connection
	idle map[string]idleStatement // by text
	uses int64
}

type idleStatement struct {
	statement
	last int64 // conn.uses when it was closed
}

// PrepareContext takes an idle statement of the text, or prepares one. One that is in use,
// such as by rows that are being read, is never given to a second user.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return &borrowed{s.statement, c, query}, nil
	}
	p, err := c.connection.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := p.(statement)
	if !ok {
		return p, nil
	}
	return &borrowed{s, c, query}, nil
}

// Prepare is for callers without a context.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Close closes the idle statements too: the engine would wait for them.
func (c *conn) Close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.Close())
	}
	c.idle = nil
	return errors.Join(append(errs, c.connection.Close())...)
}

// borrowed is a statement that goes back when it is closed. The engine has reset it by then
// and cleared what was bound.
type borrowed struct {
	statement
	c     *conn
	query string
}

func (b *borrowed) Close() error {
	c := b.c
	if _, other := c.idle[b.query]; other || c.idle == nil {
		return b.statement.Close()
	}
	c.uses++
	c.idle[b.query] = idleStatement{b.statement, c.uses}
	if len(c.idle) <= maxStatements {
		return nil
	}
	oldest := b.query // the steps of a migration come once and never again
	for query, s := range c.idle {
		if s.last < c.idle[oldest].last {
			oldest = query
		}
	}
	old := c.idle[oldest]
	delete(c.idle, oldest)
	return old.Close()
}
