//! Throwaway database servers that cannot outlive their owner.
