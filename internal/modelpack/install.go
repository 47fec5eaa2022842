package modelpack

import (
	"context"
	"errors"
	"io"
)

// InstallConfig says what to install, from where, to where.
type InstallConfig struct {
	DataDir  string
	NPMDir   string
	Mirror   string
	Pack     string
	Progress io.Writer
}

// Install makes a pack usable and active.
func Install(ctx context.Context, c InstallConfig) (*Pack, error) { return nil, errors.ErrUnsupported }

// Load gives an installed pack.
func Load(dataDir, packID string) (*Pack, error) { return nil, errors.ErrUnsupported }
