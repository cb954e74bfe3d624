/* A shared object that is no plugin. */
int agon_nothing(void) { return 0; }
