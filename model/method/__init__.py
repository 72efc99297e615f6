"""The method (arXiv 2410.17810): MMAE, GI-ITM, the losses, and the module that combines them."""
