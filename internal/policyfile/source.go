package policyfile

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-slo/otelcol-slo/internal/confighint"
	"github.com/otelcol-slo/otelcol-slo/internal/sampling"
)

// bytesMax bounds a file of policies.
const bytesMax = 4 << 20

// Source is where a door's policies come from: its configuration, and the file that this names. It is for one goroutine at
// a time.
type Source struct {
	base sampling.Config
	read [sha256.Size]byte
	info os.FileInfo // nil: the file could not be read
	// failed is the file that could not be read, nil where there is none.
	failed os.FileInfo
}

// New returns the source of a configuration; it reads nothing yet.
func New(cfg sampling.Config) *Source { return &Source{base: cfg} }

// Load returns the configuration with the policies of its file in place of the file's name, valid; the configuration itself where it
// names none.
func (s *Source) Load() (sampling.Config, error) {
	if s.base.PoliciesFile == "" {
		return s.base, nil
	}
	text, err := s.readFile()
	if err != nil {
		return sampling.Config{}, fmt.Errorf("cannot read policies from %q: %w", s.base.PoliciesFile, err)
	}
	cfg, err := s.decode(text)
	if err != nil {
		return sampling.Config{}, fmt.Errorf("cannot use policies of %q: %w", s.base.PoliciesFile, err)
	}
	return cfg, nil
}

// contents is what a file may hold.
type contents struct {
	Policies       []sampling.PolicyConfig `mapstructure:"policies"`
	ShadowPolicies []sampling.PolicyConfig `mapstructure:"shadow_policies"`
}

func (s *Source) decode(text []byte) (sampling.Config, error) {
	retrieved, err := confmap.NewRetrievedFromYAML(text)
	if err != nil {
		return sampling.Config{}, err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return sampling.Config{}, err
	}
	var file contents
	if err := confighint.Unmarshal(conf, &file); err != nil {
		return sampling.Config{}, err
	}
	if len(file.Policies) == 0 {
		return sampling.Config{}, fmt.Errorf("policies must list at least one policy (got none)")
	}
	cfg := s.base
	cfg.PoliciesFile, cfg.Policies, cfg.ShadowPolicies = "", file.Policies, file.ShadowPolicies
	return cfg, cfg.Validate()
}

// Changed reports whether the file holds something else than what was loaded last. It reads only a file whose time, size or
// identity changed.
func (s *Source) Changed() bool {
	if s.base.PoliciesFile == "" {
		return false
	}
	info, err := os.Stat(s.base.PoliciesFile)
	if s.info == nil {
		return err == nil && (s.failed == nil || !same(info, s.failed))
	}
	if err != nil {
		return true
	}
	if same(info, s.info) {
		return false
	}
	before := s.read
	_, err = s.readFile()
	return err != nil || s.read != before
}

// readFile reads the file and remembers what Changed compares. The state is taken before the text, so that a write in between
// is seen as a change later.
func (s *Source) readFile() ([]byte, error) {
	s.info, s.failed = nil, nil
	if info, err := os.Stat(s.base.PoliciesFile); err == nil {
		s.failed = info
	}
	f, err := os.Open(s.base.PoliciesFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, bytesMax+1))
	if err == nil && len(text) > bytesMax {
		err = fmt.Errorf("the file must be at most %d bytes", bytesMax)
	}
	if err != nil {
		return nil, err
	}
	s.info, s.read = info, sha256.Sum256(text)
	return text, nil
}

func same(a, b os.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}
