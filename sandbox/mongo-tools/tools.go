//go:build tools

// Package tools names the programs that are built from this module, so that go.sum holds the hash of all that they take.
package tools

import (
	_ "github.com/mongodb/mongo-tools/mongodump"
	_ "github.com/mongodb/mongo-tools/mongorestore"
)
